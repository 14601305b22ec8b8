import { Argument, type Command, Option } from 'commander'
import type { LoginFlags } from '../commands/login.js'
import type { ConnectionFlags } from '../session/connect.js'
import { roleEnvironment } from '../session/role-environment.js'
import { connection, type Then } from './options.js'

/** The subcommands for logins, accounts and the shell. */
export function account(program: Command, words: string[] | undefined, then: Then): void {
  connection(program.command('login'))
    .summary('log in, and keep the token')
    .description('Log in, and keep the token (not the password) in ~/.config/ogent, for you alone')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--json', 'print JSON')
    .action((flags: LoginFlags) =>
      then(async () => (await import('../commands/login.js')).loginCommand(flags)),
    )
  connection(program.command('logout'))
    .summary('forget that login')
    .description('Forget that login')
    .option('--json', 'print JSON')
    .action((flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('../commands/login.js')).logoutCommand(flags)),
    )
  program
    .command('users')
    .summary("keep the controller's accounts, on its machine")
    .description("Keep the controller's accounts, on its machine: add NAME, remove NAME, list")
    .addArgument(new Argument('<action>').choices(['add', 'remove', 'list']))
    .argument('[username]')
    .addOption(
      new Option('--role <role>', 'of a new account')
        .choices(['admin', 'operator', 'viewer', 'agent'])
        .default('viewer'),
    )
    .option('--json', 'print JSON lines')
    .action((verb: string, name: string | undefined, flags: { role: string; json?: boolean }) =>
      then(async () =>
        (await import('../commands/users.js')).usersCommand(roleEnvironment('controller'), verb, name, flags),
      ),
    )
  program
    .command('completion')
    .summary('print a script that completes words in your shell')
    .description('Print a script that completes words in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) =>
      then(async () => {
        process.stdout.write((await import('../commands/completion.js')).completionScript(shell))
        return 0
      }),
    )
  program.command('__complete', { hidden: true }).action(() =>
    then(async () => {
      process.stdout.write(await (await import('../commands/completion.js')).complete(program, words ?? []))
      return 0
    }),
  )
}
