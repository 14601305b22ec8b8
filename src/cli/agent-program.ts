import { Command } from 'commander'
import { markSmallHeapsAtOnce } from '../host/gc-tuning.js'
import { hideMemory } from '../host/private-memory.js'
import { parseCall, versionLine } from './call.js'
import { report } from './errors/report.js'
import { endOnBrokenPipe } from './output/output.js'
import { joinOptions, joinSettings } from './session/join-option.js'
import { roleEnvironment } from './session/role-environment.js'
import { addUpgrade } from './upgrade/call.js'

/** What `ogent-agent` can do: without a word it runs the agent. Gives the exit code. */
export async function runAgentProgram(args: string[]): Promise<number> {
  markSmallHeapsAtOnce()
  endOnBrokenPipe()
  let act = async () => 0
  const program = joinOptions(new Command('ogent-agent'))
    .description(
      'Run an agent that dials in to its controller. Its settings are in the environment, or in .env.',
    )
    .version(versionLine('ogent-agent'))
    .showSuggestionAfterError(false)
    .action(() => {
      act = () => runAgent(program.opts())
    })
  // For install.sh, before it changes anything.
  program.command('check-settings', { hidden: true }).action(() => {
    act = async () => {
      ;(await import('../agent/main.js')).agentSettings(roleEnvironment('agent'))
      return 0
    }
  })
  addUpgrade(program, (next) => {
    act = next
  })
  try {
    return parseCall(program, args) ? await act() : 0
  } catch (error) {
    return report(error)
  }
}

async function runAgent(flags: object): Promise<number> {
  await hideMemory()
  const given = await joinSettings(flags)
  return (await import('../agent/main.js')).runAgent(roleEnvironment('agent', given))
}
