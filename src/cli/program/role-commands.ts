import type { Command } from 'commander'
import { hideMemory } from '../../host/private-memory.js'
import { joinOptions, joinSettings } from '../session/join-option.js'
import { roleEnvironment } from '../session/role-environment.js'
import { addUpgrade } from '../upgrade/call.js'
import type { Then } from './options.js'
import { givenSettings, settingOptions } from './settings.js'

/** The subcommands that run a controller, an agent or both. */
export function roleCommands(program: Command, then: Then): void {
  settingOptions(program.command('controller'), 'controller')
    .summary('run a controller')
    .description('Run a controller')
    .action((_flags: object, command: Command) => {
      const given = givenSettings(command, 'controller')
      then(async () => {
        await hideMemory()
        return (await import('../../server/main.js')).runController(roleEnvironment('controller', given))
      })
    })
  const agent = joinOptions(settingOptions(program.command('agent'), 'agent'))
    .summary('run an agent, which connects to its controller')
    .description('Run an agent that dials in to its controller')
    .action((_flags: object, command: Command) => {
      const given = givenSettings(command, 'agent')
      then(async () => {
        await hideMemory()
        Object.assign(given, await joinSettings(command.opts()))
        return (await import('../../agent/main.js')).runAgent(roleEnvironment('agent', given))
      })
    })
  addUpgrade(agent, then)
  program
    .command('start')
    .summary('run a controller and a local agent, until Ctrl-C')
    .description('Run a controller and one local agent until Ctrl-C')
    .action(() =>
      then(async () => {
        await hideMemory()
        return (await import('../commands/start.js')).runStart(roleEnvironment('start'))
      }),
    )
  program
    .command('demo')
    .summary('see it work; leaves nothing behind')
    .description(
      'See it work: a controller and an agent of their own, real commands, and nothing left behind',
    )
    .option(
      '--redis <url>',
      'with two controllers that share this Redis; what they keep there expires in minutes',
    )
    .action((options: { redis?: string }) =>
      then(async () => (await import('../commands/demo.js')).runDemo(options.redis)),
    )
}
