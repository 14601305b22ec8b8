import { Argument, Command, InvalidArgumentError, Option } from 'commander'
import { config as loadDotenv } from 'dotenv'
import * as z from 'zod'
import { hideMemory } from '../host/private-memory.js'
import { type secretSettings, withSecretFiles } from '../host/secret-files.js'
import { agentStatusSchema } from '../shared/agents/agent.js'
import { type RecordStatus, recordStatusSchema } from '../shared/commands/record.js'
import { limits } from '../shared/commands/request.js'
import type { AgentsFlags } from './commands/agents.js'
import type { AnalyzeFlags } from './commands/analyze.js'
import type { FollowFlags } from './commands/follow.js'
import type { HistoryFlags } from './commands/history.js'
import type { LoginFlags } from './commands/login.js'
import type { ShowFlags } from './commands/show.js'
import { UsageError } from './errors/report.js'
import type { ConnectionFlags } from './session/connect.js'
import type { RunFlags } from './session/request.js'

/** Gives the exit code. */
type Act = () => Promise<number>

/**
 * What `ogent` can do. Each subcommand loads only what it needs: a controller is much, and a shell that completes a
 * word will not wait for it. `words` are those after `--`; what is to be done is handed to `then`.
 */
export function ogentProgram(
  version: string,
  words: string[] | undefined,
  then: (act: Act) => void,
): Command {
  const program = new Command('ogent')
    .description('Run commands on any of your machines, and watch them live.')
    .version(version)
    .showSuggestionAfterError(false)
    .addHelpText('after', exitHelp)
  roles(program, then)
  running(program, words, then)
  looking(program, words, then)
  account(program, words, then)
  return program
}

const exitHelp = `
Where it is and who you are: --url, --username, OGENT_URL, OGENT_USERNAME, OGENT_PASSWORD, OGENT_TOKEN, or ogent login.
On the way there: OGENT_CA (a file with certificates to trust), HTTPS_PROXY, HTTP_PROXY, NO_PROXY.
Exit codes: the command's own; 64 wrong call, 69 agent or controller offline, 77 not logged in or not allowed,
124 time-out, 126 refused, 130 cancelled, 1 anything else.`

function roles(program: Command, then: (act: Act) => void): void {
  program
    .command('controller')
    .description('Run a controller')
    .action(() =>
      then(async () => {
        await hideMemory()
        return (await import('../server/main.js')).runController(environment('controller'))
      }),
    )
  program
    .command('agent')
    .description('Run an agent that dials in to its controller')
    .action(() =>
      then(async () => {
        await hideMemory()
        return (await import('../agent/main.js')).runAgent(environment('agent'))
      }),
    )
  program
    .command('start')
    .description('Run a controller and one local agent until Ctrl-C')
    .action(() =>
      then(async () => {
        await hideMemory()
        return (await import('./commands/start.js')).runStart(environment('start'))
      }),
    )
  program
    .command('demo')
    .description(
      'See it work: a controller and an agent of their own, real commands, and nothing left behind',
    )
    .option(
      '--redis <url>',
      'with two controllers that share this Redis; what they keep there expires in minutes',
    )
    .action((options: { redis?: string }) =>
      then(async () => (await import('./commands/demo.js')).runDemo(options.redis)),
    )
}

function running(program: Command, words: string[] | undefined, then: (act: Act) => void): void {
  connection(program.command('run').usage('<agents> [options] -- <command…>'))
    .description('Run a command on an agent and watch it live; on several, each line behind its name')
    .argument('[agents...]', 'names, also with commas between: web-1,web-2')
    .option('--label <name=value>', 'every agent with this label; may be given again, for both', collect)
    .option('--all', 'every agent')
    .option('--connected', 'of those by --label or --all, only the ones that are there')
    .option('--concurrency <n>', 'on so many agents at a time', whole(1, 10_000), 16)
    .option('--timeout <seconds>', 'end the command after so long', seconds)
    .option('--cwd <folder>', 'run it in this folder')
    .option('--env <NAME=value>', 'set a variable for it; may be given again', collect)
    .addOption(
      new Option('--target <where>', 'where it runs').choices(['auto', 'local', 'ssh']).default('auto'),
    )
    .option(
      '--stdin',
      'read the standard input for it from a terminal too (a pipe or file always is), 1 MiB at most',
    )
    .option('--no-stdin', 'leave the standard input alone')
    .option('--wait <seconds>', 'wait so long for an agent that is offline', seconds, 10)
    .option('--ai', 'let the guard and the model look first; a high risk is refused')
    .option('--optimize', 'run the optimized command, where there is one')
    .addOption(
      new Option('--allow-risk <level>', 'run it although its risk is high; takes the role admin').choices([
        'high',
      ]),
    )
    .option('--id <command_id>', 'an id of your own: the same one again follows instead of starting')
    .option('-q, --quiet', 'no status line')
    .option('--json', 'print events as JSON lines')
    .action((agents: string[], flags: RunFlags) => {
      const command = needWords(words, 'ogent run web-1 -- uptime')
      then(async () => (await import('./commands/run.js')).runCommand(agents, command, flags))
    })
  connection(program.command('follow'))
    .description('Watch any command, from its beginning to its end; exits as ogent run does')
    .argument('<command_id>')
    .option('--from <seq>', 'begin at the event with this number', whole(1, Number.MAX_SAFE_INTEGER), 1)
    .option('-q, --quiet', 'no status line')
    .option('--json', 'print events as JSON lines')
    .action((id: string, flags: FollowFlags) =>
      then(async () => (await import('./commands/follow.js')).followCommand(id, flags)),
    )
  connection(program.command('cancel'))
    .description('Ask commands to end')
    .argument('<command_id...>')
    .option('--json', 'print JSON lines')
    .action((ids: string[], flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('./commands/cancel.js')).cancelCommand(ids, flags)),
    )
}

function looking(program: Command, words: string[] | undefined, then: (act: Act) => void): void {
  const agents = connection(program.command('agents'))
    .description('List the agents, all or those that a selector means, or forget some')
    .argument('[selector]', "such as 'env=prod and not role=db', web-1+web-2 or 'web-[1-20]'")
    .option('--selector <text>', 'the same')
    .addOption(new Option('--status <status>', 'with this status').choices(agentStatusSchema.options))
    .option('-q, --search <text>', "that have this text in their name, host or a label's value")
    .option('--limit <n>', 'so many at most', whole(1, 1_000_000))
    .option('--json', 'print JSON lines')
    .action((selector: string | undefined, flags: AgentsFlags) =>
      then(async () => (await import('./commands/agents.js')).agentsCommand(selector, flags)),
    )
  connection(agents.command('forget'))
    .description('Forget agents that are not connected')
    .argument('<agent_id...>')
    .action((ids: string[], _flags: ConnectionFlags, command: Command) =>
      then(async () => (await import('./commands/agents.js')).forgetCommand(ids, command.optsWithGlobals())),
    )
  connection(program.command('history'))
    .description('List the commands that were run, newest first')
    .option('--agent <agent_id>', 'on this agent')
    .option('--label <name=value>', 'on agents that have this label now')
    .option(
      '--since <time>',
      'made since: 90s, 30m, 2h, 3d or 1w ago, a day (2026-11-30), or a time (RFC 3339)',
    )
    .option('--until <time>', 'made before: the same')
    .option('--user <name>', 'that this account asked for')
    .addOption(
      new Option('--status <status>', 'with this status; may be given again, and with commas between')
        .choices(recordStatusSchema.options)
        .argParser(statuses),
    )
    .addOption(new Option('--failed', 'that ended as error, timeout, lost or refused').conflicts('status'))
    .option('--exit-code <n>', 'that ended with this exit code', whole(0, 255))
    .option('--search <text>', 'that contain this text')
    .option('--limit <n>', 'so many at most', whole(1, 1_000_000), 20)
    .option('--json', 'print JSON lines')
    .action((flags: HistoryFlags) =>
      then(async () => (await import('./commands/history.js')).historyCommand(flags)),
    )
  connection(program.command('show'))
    .description('Show one command: how it ended, and what it wrote')
    .argument('<command_id>')
    .option('--cast', 'print its recording, for asciinema and other players of asciicast v2')
    .option('--json', 'print JSON')
    .action((id: string, flags: ShowFlags) =>
      then(async () => (await import('./commands/show.js')).showCommand(id, flags)),
    )
  connection(program.command('analyze').usage('[options] -- <command…>'))
    .description('Say what a command would do, without running it; exits 1 where its risk is high')
    .option('--agent <agent_id>', 'the agent that it is for')
    .option('--system <text>', 'the system that it is for, such as Ubuntu 24.04')
    .option('--context <text>', 'what it is for')
    .option('--json', 'print JSON')
    .action((flags: AnalyzeFlags) => {
      const command = needWords(words, 'ogent analyze -- rm -rf build')
      then(async () => (await import('./commands/analyze.js')).analyzeCommand(command, flags))
    })
}

function account(program: Command, words: string[] | undefined, then: (act: Act) => void): void {
  connection(program.command('login'))
    .description('Log in, and keep the token (not the password) in ~/.config/ogent, for you alone')
    .option('--password-stdin', 'read the password from the standard input')
    .option('--json', 'print JSON')
    .action((flags: LoginFlags) =>
      then(async () => (await import('./commands/login.js')).loginCommand(flags)),
    )
  connection(program.command('logout'))
    .description('Forget that login')
    .option('--json', 'print JSON')
    .action((flags: ConnectionFlags & { json?: boolean }) =>
      then(async () => (await import('./commands/login.js')).logoutCommand(flags)),
    )
  program
    .command('users')
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
        (await import('./commands/users.js')).usersCommand(environment('controller'), verb, name, flags),
      ),
    )
  program
    .command('completion')
    .description('Print a script that completes words in your shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) =>
      then(async () => {
        process.stdout.write((await import('./commands/completion.js')).completionScript(shell))
        return 0
      }),
    )
  program.command('__complete', { hidden: true }).action(() =>
    then(async () => {
      process.stdout.write(await (await import('./commands/completion.js')).complete(program, words ?? []))
      return 0
    }),
  )
}

function connection(command: Command): Command {
  return command
    .option('--url <url>', 'the controller; else OGENT_URL, else the last login, else http://localhost:8001')
    .option('--username <name>', 'who you are; else OGENT_USERNAME. The password is read from OGENT_PASSWORD')
}

function needWords(words: string[] | undefined, example: string): string[] {
  if (!words || words.length === 0)
    throw new UsageError(`which command? Write it after --, as in: ${example}`)
  return words
}

/** A setting for a role may be in .env, which need not exist; one that cannot be read would be missed in silence. */
function environment(role: keyof typeof secretSettings): NodeJS.ProcessEnv {
  const { error } = loadDotenv({ quiet: true })
  if (error && error.code !== 'ENOENT') {
    const mend = 'Let this user read it, or take it away: settings may be in the environment too'
    throw new UsageError(`the settings in .env cannot be read: ${error.message}. ${mend}.`)
  }
  return withSecretFiles(process.env, role)
}

function collect(value: string, before: string[] = []): string[] {
  return [...before, value]
}

function statuses(text: string, before: RecordStatus[] = []): RecordStatus[] {
  const parsed = z.array(recordStatusSchema).safeParse(text.split(','))
  if (parsed.success) return [...before, ...parsed.data]
  throw new InvalidArgumentError(`It takes one or more of ${recordStatusSchema.options.join(', ')}.`)
}

function seconds(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !(value >= 0 && value <= limits.seconds))
    throw new InvalidArgumentError(`It takes seconds, ${limits.seconds} at most.`)
  return value
}

function whole(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max)
      throw new InvalidArgumentError(`It takes a whole number from ${min} on.`)
    return value
  }
}
