import { Command, Help } from 'commander'
import { UsageError } from './errors/report.js'
import { accessCommands } from './program/access-commands.js'
import { accountCommands } from './program/account-commands.js'
import { auditCommands } from './program/audit-commands.js'
import { connection, connectionLast, type Then } from './program/options.js'
import { readCommands } from './program/read-commands.js'
import { roleCommands } from './program/role-commands.js'
import { runCommands } from './program/run-commands.js'

/**
 * What `ogent` can do. Each subcommand loads only what it needs: a controller is much, and a shell that completes a
 * word will not wait for it. `words` are those after `--`; what is to be done is handed to `then`.
 */
export function ogentProgram(version: string, words: string[] | undefined, then: Then): Command {
  const program = new Command('ogent')
    .description('Run commands on any of your machines, and watch them live.')
    .usage('[options] <command>')
    .version(version)
    .addHelpText('after', exitHelp)
    // Names alone: what each takes is in its own help.
    .configureHelp({
      subcommandTerm: (command) => command.name(),
      groupItems: (...items) => connectionLast(new Help().groupItems(...items)),
    })
    .hook('preAction', (_program, command) => inherit(command))
  connection(program)
  roleCommands(program.commandsGroup('On the machines:'), then)
  runCommands(program.commandsGroup('Running:'), words, then)
  readCommands(program.commandsGroup('Looking:'), words, then)
  accessCommands(program.commandsGroup('Access:'), words, then)
  auditCommands(program, then)
  accountCommands(program.commandsGroup('You:'), words, then)
  program.helpCommand('help [command]', 'show the options of one command')
  return program
}

const exitHelp = `
Examples:
  ogent run web-1 -- uptime             run a command on an agent
  ogent run --label role=web -- uptime  run it on several
  ogent agents 'env=prod'               list some agents
  ogent history --since 2h --failed     list what has failed of late
  ogent run --help                      list the options of one command

OGENT_URL, OGENT_USERNAME, OGENT_PASSWORD and OGENT_TOKEN say which controller,
and who you are; ogent login keeps them. On the way there: OGENT_CA (a file with
certificates to trust), HTTPS_PROXY, HTTP_PROXY, NO_PROXY.

Exit codes: the command's own; 64 wrong call, 69 agent or controller offline,
77 not logged in or not allowed, 124 time-out, 126 refused, 130 cancelled,
1 anything else.`

/**
 * The options of the program and of a command above this one, such as `--url`, hold for this one as well: they may come
 * before it. Throws UsageError for one that this command does not have.
 */
function inherit(command: Command): void {
  const own = new Set(command.options.map((option) => option.attributeName()))
  for (let above = command.parent; above; above = above.parent) {
    for (const option of above.options) {
      const name = option.attributeName()
      if (above.getOptionValueSource(name) !== 'cli') continue
      if (!own.has(name)) throw new UsageError(`${command.name()} takes no ${option.long}`)
      if (command.getOptionValueSource(name) !== 'cli')
        command.setOptionValue(name, above.getOptionValue(name))
    }
  }
}
