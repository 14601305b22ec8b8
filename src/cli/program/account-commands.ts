import { Argument, type Command, Option } from 'commander'
import type { ContextAddFlags } from '../commands/context.js'
import type { LoginFlags } from '../commands/login.js'
import type { TokensAction, TokensFlags } from '../commands/tokens.js'
import type { ConnectionFlags } from '../session/connect.js'
import { roleEnvironment } from '../session/role-environment.js'
import type { UsersAction, UsersFlags } from '../session/users-call.js'
import { joinTokenCommands } from './enrolment-commands.js'
import { collect, connection, examples, lifetime, type Then } from './options.js'

/** The subcommands for logins, accounts and the shell. */
export function accountCommands(program: Command, words: string[] | undefined, then: Then): void {
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
  connection(program.command('whoami'))
    .summary('say which controller is asked, and as whom')
    .description('Say which controller is asked, as whom, by which login and until when')
    .option('--json', 'print JSON')
    .action((flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('../commands/whoami.js')).whoamiCommand(flags)),
    )
  contexts(program, then)
  users(program, then)
  tokens(program, then)
  joinTokenCommands(program, then)
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

function users(program: Command, then: Then): void {
  const command = connection(program.command('users'))
    .summary("keep the controller's accounts")
    .description(
      "Keep the accounts of a running controller, by your login there; without a login, or with --local, those of the controller's folder on this machine",
    )
    .addArgument(
      new Argument('<action>').choices([
        'list',
        'add',
        'roles',
        'lock',
        'unlock',
        'password',
        'remove',
        'sessions',
      ]),
    )
    .argument('[names...]', 'the account; for roles, its roles after it')
    .addOption(
      new Option('--role <role>', 'of a new account, repeatable, or none; viewer').argParser(collect),
    )
    .option('--service', 'add a service account, which has no password and owns API tokens')
    .option('--end <session>', 'with sessions: end the one of this id, or all')
    .option('--local', "the controller's folder on this machine (DATA_DIR), or REDIS_URL")
    .option('--json', 'print JSON lines')
    .action((action: UsersAction, names: string[], flags: UsersFlags) =>
      then(async () =>
        (await import('../commands/users.js')).usersCommand(action, names, flags, () =>
          roleEnvironment('controller'),
        ),
      ),
    )
  examples(
    command,
    ['ogent users add ann --role operator', 'its password is made up, or in OGENT_NEW_PASSWORD'],
    ['ogent users lock ann', 'its logins and API tokens end within a second'],
    ['ogent users sessions ann --end all', 'end its logins'],
  )
}

function tokens(program: Command, then: Then): void {
  const command = connection(program.command('tokens'))
    .summary('make API tokens, for programs')
    .description('Make, list and revoke API tokens: what a program sends (OGENT_TOKEN) in place of a login')
    .addArgument(new Argument('<action>').choices(['list', 'create', 'revoke']))
    .argument('[name]', 'what a new one is for, or the id of one to revoke')
    .addOption(
      new Option(
        '--grant <grant>',
        'what it may do: JSON, @file.json, or a short form; repeatable',
      ).argParser(collect),
    )
    .addOption(new Option('--expires <time>', 'how long it lives, such as 12h or 90d').argParser(lifetime))
    .option('--owner <name>', 'the service account that owns it; for list, any account')
    .option('--json', 'print JSON lines')
    .action((action: TokensAction, name: string | undefined, flags: TokensFlags) =>
      then(async () => (await import('../commands/tokens.js')).tokensCommand(action, name, flags)),
    )
  examples(
    command,
    ['ogent tokens create ci --expires 90d', 'it may do all that you may'],
    ["ogent tokens create ci --grant 'run.shell on env=staging: exact uptime'", 'no more than this'],
  )
}

function contexts(program: Command, then: Then): void {
  const context = examples(
    program
      .command('context')
      .summary('name several controllers, and choose the one in use')
      .description('Name several controllers, each with its login, and choose the one that is meant'),
    ['ogent context add prod --url https://ogent.example', 'name a controller'],
    ['ogent context use prod', 'mean it from now on'],
    ['ogent --controller prod login', 'mean it for one call'],
  )
  context
    .command('list')
    .description('List the contexts')
    .option('--json', 'print JSON lines')
    .action((flags: { json?: boolean }) =>
      then(async () => (await import('../commands/context.js')).listContexts(flags)),
    )
  context
    .command('use')
    .description('Mean this controller where a call names no other')
    .argument('<name>')
    .action((name: string) =>
      then(async () => (await import('../commands/context.js')).useContextCommand(name)),
    )
  context
    .command('add')
    .description('Name a controller, or change one; the first is in use at once')
    .argument('<name>')
    .option('--url <url>', 'where it is')
    .option('--username <name>', 'who you are there')
    .option(
      '--password-command <line>',
      'a shell line that prints the password, so that the login renews itself',
    )
    .option('--use', 'use it from now on')
    .action((name: string, flags: ContextAddFlags) =>
      then(async () => (await import('../commands/context.js')).addContext(name, flags)),
    )
  context
    .command('remove')
    .description('Forget contexts, each with its login')
    .argument('<name...>')
    .action((names: string[]) =>
      then(async () => (await import('../commands/context.js')).removeContexts(names)),
    )
}
