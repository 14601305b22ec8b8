import { once } from 'node:events'
import { fstatSync } from 'node:fs'
import type { InputStream } from '../../client/commands/input-stream.js'
import { resolvesWithin, withTimeout } from '../../shared/async/timeout.js'
import { limits } from '../../shared/commands/request.js'
import { UsageError } from '../errors/report.js'

/** When to say what is waited for, in ms. */
const HINT_MS = 3000

/** A pipe in which nothing has come for so long is one that a program left open and means nothing by, in ms. */
const SILENCE_MS = 1000

/** An input that ends within so long, in ms, goes with the request, and so to any agent. */
const WHOLE_MS = 250

/**
 * What the command is to read: this program's standard input where that is a pipe or a file. A terminal is not read
 * unless asked for, since no user would know that it waits; nor is a pipe that stays silent, as programs leave one open
 * for what they start. Text that has ended before long is given as such, and anything else as a stream.
 */
export async function commandInput(wanted: boolean | undefined): Promise<string | InputStream | undefined> {
  if (!(await isToBeRead(wanted))) return undefined
  const input = new Input()
  const bytes = await input.toEnd(limits.stdin, WHOLE_MS)
  const text = bytes && asText(bytes)
  return text ?? input
}

/** The same for a command on several agents, each of which gets all of it: text that was read to its end. */
export async function textInput(wanted: boolean | undefined): Promise<string | undefined> {
  if (!(await isToBeRead(wanted))) return undefined
  const hint = setTimeout(() => {
    process.stderr.write('ogent: waiting for the end of the standard input; --no-stdin runs without it\n')
  }, HINT_MS)
  const input = new Input()
  const bytes = await input.toEnd(limits.stdin).finally(() => clearTimeout(hint))
  if (!bytes) {
    input.destroy()
    throw new UsageError(
      'the standard input is longer than 1 MiB, which is the most that goes to several agents. Run it on one agent at a time, or copy it to the machines as a file first.',
    )
  }
  const text = asText(bytes)
  if (text !== undefined) return text
  throw new UsageError(
    "the standard input is not UTF-8 text, which alone goes to several agents. Run it on one agent at a time, or send it encoded: base64 < FILE | ogent run AGENTS -- 'base64 -d | …'",
  )
}

async function isToBeRead(wanted: boolean | undefined): Promise<boolean> {
  if (wanted !== undefined) return wanted
  if (!isPipeOrFile()) return false
  if (!(await staysSilent())) return true
  process.stderr.write(
    'ogent: nothing came on the standard input within 1 s, so the command runs without it; --stdin waits for it\n',
  )
  return false
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

/** The standard input, of which the beginning may be read before it is passed on. */
class Input implements AsyncIterable<Uint8Array> {
  readonly #chunks: AsyncIterator<Buffer> = process.stdin[Symbol.asyncIterator]()
  readonly #read: Buffer[] = []
  /** The chunk that was asked for when the time was up. */
  #next: Promise<IteratorResult<Buffer>> | undefined

  /** All of it; undefined where that is more than so many bytes, or has not ended after so many ms. */
  async toEnd(maxBytes: number, ms?: number): Promise<Buffer | undefined> {
    const deadline = performance.now() + (ms ?? 0)
    for (let bytes = 0; bytes <= maxBytes; ) {
      this.#next ??= this.#chunks.next()
      const read =
        ms === undefined
          ? await this.#next
          : await withTimeout(this.#next, Math.max(0, deadline - performance.now()), () => undefined)
      if (!read) return undefined
      if (read.done) return Buffer.concat(this.#read)
      this.#next = undefined
      this.#read.push(read.value)
      bytes += read.value.length
    }
    return undefined
  }

  /** What was read, then what comes. */
  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void> {
    yield* this.#read.splice(0)
    while (true) {
      const { value, done } = await (this.#next ?? this.#chunks.next())
      this.#next = undefined
      if (done) return
      yield value
    }
  }

  /** Called where no more of it is read: open, it would keep this program alive, and what writes to it. */
  destroy(): void {
    process.stdin.destroy()
  }
}

/** Undefined where it is not UTF-8: a request holds text, and it would arrive as something else. */
function asText(input: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(input)
  } catch {
    return undefined
  }
}
