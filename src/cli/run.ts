import type { CommandRun } from '../client/run.js'
import type { CommandRequest } from '../shared/command.js'
import { messageOf, OgentError } from '../shared/errors.js'
import { type ConnectionFlags, connect } from './connect.js'
import { exitCodes } from './exit-codes.js'
import { onBrokenPipe, write } from './output.js'

export type RunFlags = ConnectionFlags & {
  timeout?: number
  cwd?: string
  env?: string | string[]
  target: string
  stdin?: boolean
  wait: number
  ai?: boolean
  optimize?: boolean
  allowRisk?: string
  id?: string
  json?: boolean
}

const STDIN_BYTES = 1024 * 1024

/** `ogent run`: the command's stdout to stdout, its stderr to stderr, its exit code as this program's own. */
export async function runCommand(agent_id: string, words: string[], flags: RunFlags): Promise<number> {
  const ogent = connect(flags)
  try {
    const run = ogent.execute(await toRequest(agent_id, words, flags))
    const release = cancelOnInterrupt(run)
    // Nobody reads what it writes any more: as in a local pipe, that ends it.
    onBrokenPipe(() => run.cancel())
    try {
      await print(run, flags.json ?? false)
      const outcome = await run
      if (outcome.reason && !flags.json) process.stderr.write(`ogent: ${outcome.reason}\n`)
      return exitCodes.ofOutcome(outcome)
    } finally {
      release()
    }
  } finally {
    await ogent.close()
  }
}

async function toRequest(agent_id: string, words: string[], flags: RunFlags): Promise<CommandRequest> {
  const { timeout, cwd, env, target, stdin, wait, id, ai, optimize, allowRisk } = flags
  if (target !== 'auto' && target !== 'local' && target !== 'ssh') {
    throw new OgentError('VALIDATION_FAILED', '--target takes auto, local or ssh')
  }
  if (allowRisk !== undefined && allowRisk !== 'high') {
    throw new OgentError('VALIDATION_FAILED', '--allow-risk takes high')
  }
  return {
    agent_id,
    command: toCommand(words),
    execution_target: target,
    deliver_within_seconds: wait,
    ...(timeout === undefined ? {} : { timeout_seconds: timeout }),
    ...(cwd === undefined ? {} : { cwd }),
    ...(env === undefined ? {} : { env: toEnvironment(env) }),
    ...(id === undefined ? {} : { command_id: id }),
    ...(ai ? { use_ai: true } : {}),
    ...(optimize ? { apply_optimization: true } : {}),
    ...(allowRisk === undefined ? {} : { allow_risk: allowRisk }),
    ...(stdin ? { stdin: await readStdin() } : {}),
  }
}

/** One word is a shell text as it stands; several are a program and its arguments, each kept as it was typed. */
export function toCommand(words: string[]): string {
  const [only] = words
  if (words.length === 1 && only !== undefined) return only
  return words
    .map((word) => (/^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`))
    .join(' ')
}

function toEnvironment(given: string | string[]): Record<string, string> {
  const entries = [given].flat().map((pair): [string, string] => {
    const at = pair.indexOf('=')
    if (at < 1) throw new OgentError('VALIDATION_FAILED', `--env takes NAME=value, got ${pair}`)
    return [pair.slice(0, at), pair.slice(at + 1)]
  })
  return Object.fromEntries(entries)
}

async function readStdin(): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of process.stdin) {
    parts.push(part)
    bytes += part.length
    if (bytes > STDIN_BYTES)
      throw new OgentError('VALIDATION_FAILED', 'The standard input is longer than 1 MiB.')
  }
  return Buffer.concat(parts).toString('utf8')
}

async function print(run: CommandRun, json: boolean): Promise<void> {
  if (json) {
    for await (const event of run) await write(process.stdout, `${JSON.stringify(event)}\n`)
    return
  }
  for await (const { stream, data } of run.output) await write(process[stream], data)
}

/** Ctrl-C cancels the remote command and waits for its end; a second one leaves at once. */
function cancelOnInterrupt(run: CommandRun): () => void {
  const onSignal = () => {
    process.once('SIGINT', leave)
    process.stderr.write('ogent: cancelling; again to leave at once\n')
    run.cancel().catch((error) => process.stderr.write(`ogent: ${messageOf(error)}\n`))
  }
  const leave = () => process.exit(130)
  process.once('SIGINT', onSignal)
  process.once('SIGTERM', onSignal)
  return () => {
    for (const signal of ['SIGINT', 'SIGTERM'])
      process.removeListener(signal, onSignal).removeListener(signal, leave)
  }
}
