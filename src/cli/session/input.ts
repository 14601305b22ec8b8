import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import { resolvesWithin } from '../../shared/async/timeout.js'
import { limits } from '../../shared/commands/request.js'
import { UsageError } from '../errors/report.js'

/** When to say what is waited for, in ms. */
const HINT_MS = 3000

/** A pipe in which nothing has come for so long is one that a program left open and means nothing by, in ms. */
const SILENCE_MS = 1000

/**
 * What the command is to read: this program's standard input where that is a pipe or a file. A terminal is not read
 * unless asked for, since no user would know that it waits; nor is a pipe that stays silent, as programs leave one open
 * for what they start.
 */
export async function commandInput(wanted: boolean | undefined): Promise<string | undefined> {
  if (wanted === false || (wanted === undefined && !isPipeOrFile())) return undefined
  if (wanted === undefined && (await staysSilent())) {
    process.stderr.write(
      'ogent: nothing came on the standard input within 1 s, so the command runs without it; --stdin waits for it\n',
    )
    return undefined
  }
  const hint = setTimeout(() => {
    process.stderr.write('ogent: waiting for the end of the standard input; --no-stdin runs without it\n')
  }, HINT_MS)
  try {
    return asText(await readAll())
  } finally {
    clearTimeout(hint)
  }
}

/** Whether neither a byte nor the end comes for a while. It is released then, or it would keep this program alive. */
async function staysSilent(): Promise<boolean> {
  const { stdin } = process
  // The same event announces the end.
  const silent = !(await resolvesWithin(once(stdin, 'readable'), SILENCE_MS))
  if (silent) stdin.destroy()
  return silent
}

/** Node.js gives its children sockets for pipes. Closed, or a device such as /dev/null: there is nothing to read. */
function isPipeOrFile(): boolean {
  try {
    const input = fstatSync(0)
    return input.isFIFO() || input.isFile() || input.isSocket()
  } catch {
    return false
  }
}

async function readAll(): Promise<Buffer> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of process.stdin) {
    parts.push(part)
    bytes += part.length
    if (bytes > limits.stdin) {
      throw new UsageError(
        'the standard input is longer than 1 MiB, which is the most that a command can be given. Copy it to the machine as a file first.',
      )
    }
  }
  return Buffer.concat(parts)
}

/** A request holds text: what is not UTF-8 would arrive as something else. */
function asText(input: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)
  } catch {
    throw new UsageError(
      "the standard input is not UTF-8 text. Send it encoded: base64 < FILE | ogent run AGENT -- 'base64 -d | …'",
    )
  }
}
