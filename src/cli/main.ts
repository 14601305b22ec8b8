#!/usr/bin/env node
import { cac } from 'cac'
import { config as loadDotenv } from 'dotenv'
import { packageVersion } from '../host/version.js'
import { messageOf, OgentError } from '../shared/errors.js'
import { SettingsError } from '../shared/settings.js'
import { exitCodes } from './exit-codes.js'
import { endOnBrokenPipe, printable } from './output.js'

/** A wrong call: told in one line, exit code 64. */
class UsageError extends Error {
  override readonly name = 'UsageError'
}

// Each command loads what it needs and no more: an agent pays for its memory at every process that it starts.
endOnBrokenPipe()
const cli = cac('ogent')

/** Actions resolve to the exit code. */
let outcome: Promise<number> | undefined
const action =
  <T extends unknown[]>(act: (...args: T) => Promise<number>) =>
  (...args: T) => {
    outcome = act(...args)
  }

cli
  .command('controller', 'Run a controller')
  .action(action(async () => (await import('../server/main.js')).runController(environment())))

cli
  .command('agent', 'Run an agent that dials in to its controller')
  .action(action(async () => (await import('../agent/main.js')).runAgent(environment())))

cli
  .command('start', 'Run a controller and one local agent until Ctrl-C')
  .action(action(async () => (await import('./start.js')).runStart(environment())))

cli
  .command(
    'demo',
    'See it work: a controller and an agent of their own, real commands, and nothing left behind',
  )
  .action(action(async () => (await import('./demo.js')).runDemo()))

connection(
  cli.command('run <agent>', 'Run a command on an agent and watch it live: ogent run web-1 -- uptime'),
)
  .option('--timeout <seconds>', 'End the command after so long')
  .option('--cwd <folder>', 'Run it in this folder')
  .option('--env <NAME=value>', 'Set a variable for it; may be given again')
  .option('--target <where>', 'auto, local or ssh', { default: 'auto' })
  .option('--stdin', "Send this program's standard input to it, 1 MiB at most")
  .option('--wait <seconds>', 'Wait so long for an agent that is away', { default: 10 })
  .option('--ai', 'Let the guard and the model look first; a high risk is refused')
  .option('--optimize', 'Run the optimized command, where there is one')
  .option('--allow-risk <level>', 'high: run it although its risk is high; takes the role admin')
  .option('--id <command_id>', 'An id of your own: the same one again follows instead of starting')
  .option('--json', 'Print events as JSON lines')
  .action(
    action(async (agent: string, options) =>
      (await import('./run.js')).runCommand(agent, wordsAfterDashes(options), options),
    ),
  )

connection(
  cli.command('analyze', 'Say what a command would do, without running it: ogent analyze -- rm -rf build'),
)
  .option('--agent <agent_id>', 'The agent that it is for')
  .option('--system <text>', 'The system that it is for, such as Ubuntu 24.04')
  .option('--context <text>', 'What it is for')
  .option('--json', 'Print JSON')
  .action(
    action(async (options) =>
      (await import('./analyze.js')).analyzeCommand(
        wordsAfterDashes(options, 'ogent analyze -- uptime'),
        options,
      ),
    ),
  )

connection(cli.command('agents', 'List the agents'))
  .option('--json', 'Print JSON')
  .action(action(async (options) => (await import('./agents.js')).agentsCommand(options)))

cli
  .command('users <action> [username]', "Keep the controller's accounts: add NAME, remove NAME, list")
  .option('--role <role>', 'admin, operator, viewer or agent', { default: 'viewer' })
  .action(
    action(async (verb: string, name: string | undefined, options) =>
      (await import('./users.js')).usersCommand(environment(), verb, name, options),
    ),
  )

cli.help()
cli.version(packageVersion())

try {
  cli.parse(process.argv, { run: false })
  if (!cli.matchedCommand && !cli.options.help && !cli.options.version) {
    const [word] = cli.args
    throw new UsageError(
      word === undefined
        ? 'which command? See: ogent --help'
        : `there is no command ${word}. See: ogent --help`,
    )
  }
  await cli.runMatchedCommand()
  process.exitCode = (await outcome) ?? 0
} catch (error) {
  process.exitCode = report(error)
}

function connection<T extends { option(name: string, description: string): T }>(command: T): T {
  return command
    .option('--url <url>', 'The controller; else OGENT_URL, else http://localhost:8001')
    .option('--username <name>', 'Who you are; else OGENT_USERNAME. The password is read from OGENT_PASSWORD')
}

function wordsAfterDashes(options: { '--'?: string[] }, example = 'ogent run web-1 -- uptime'): string[] {
  const words = options['--'] ?? []
  if (words.length === 0) throw new UsageError(`which command? Write it after --, as in: ${example}`)
  return words
}

function environment(): NodeJS.ProcessEnv {
  loadDotenv({ quiet: true })
  return process.env
}

function report(error: unknown): number {
  const usage = error instanceof UsageError || (error instanceof Error && error.name === 'CACError')
  if (error instanceof SettingsError) {
    process.stderr.write(`ogent: these settings are wrong:\n${error.message}\n`)
    return exitCodes.usage
  }
  const hint = messageOf(error).startsWith('Unused args') ? ' (a command is written after --)' : ''
  process.stderr.write(`ogent: ${messageOf(error)}${hint}\n`)
  const risks = error instanceof OgentError ? (error.risks ?? []) : []
  for (const risk of risks) process.stderr.write(`  - ${printable(risk)}\n`)
  if (usage) return exitCodes.usage
  return error instanceof OgentError ? exitCodes.ofError(error) : 1
}
