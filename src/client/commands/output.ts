import type { StreamName } from '../../shared/commands/event.js'
import { OgentError } from '../../shared/errors.js'
import { GrowingBuffer } from './growing-buffer.js'

/** A chunk of output as bytes, with its place in its stream. */
export interface OutputChunk {
  /** To which of its streams the process wrote it. */
  stream: StreamName
  /** What it wrote, cut anywhere. */
  data: Uint8Array
  /** Bytes of this stream before this chunk. */
  offset: number
}

/** A line of output. */
export interface OutputLine {
  /** To which of its streams the process wrote it. */
  stream: StreamName
  /** The line as text (UTF-8), without the `\n` or `\r\n` at its end. What is not UTF-8 becomes U+FFFD. */
  line: string
  /** Whether the line is longer than `maxBytes`, and goes on in the next item of this stream. */
  partial: boolean
}

/** Which lines a loop gives. */
export interface LineOptions {
  /** Lines of this stream alone; those of both, each when it has ended. */
  stream?: StreamName | undefined
  /** Bytes of a line that are given as one item, from 4; 1 MiB. A longer line comes in several, cut between characters. */
  maxBytes?: number | undefined
  /** Ends the loop as soon as it is aborted: it throws the signal's reason. None. */
  signal?: AbortSignal | undefined
}

/** Of what stream the whole is wanted, and how much that may be. */
export interface CollectOptions {
  /** The stream; `stdout`. */
  stream?: StreamName | undefined
  /** Bytes at most; 100 MiB. More reject with PAYLOAD_TOO_LARGE; the command goes on. */
  maxBytes?: number | undefined
  /** Ends the wait as soon as it is aborted, with the signal's reason; the command goes on. None. */
  signal?: AbortSignal | undefined
}

const COLLECTED_BYTES = 100 * 1024 * 1024
/** Chunks of fewer bytes are copied into blocks of so many: by themselves they would keep much more than they are. */
const SMALL_BYTES = 4096
const BLOCK_BYTES = 64 * 1024

// A byte order mark is output like any other, as in `stdout`.
const TEXT = { ignoreBOM: true }

/** The whole as text. */
export async function collectText(
  chunks: AsyncIterable<Uint8Array>,
  options: CollectOptions,
): Promise<string> {
  const decoder = new TextDecoder('utf-8', TEXT)
  let text = ''
  for await (const chunk of bounded(chunks, options)) text += decoder.decode(chunk, { stream: true })
  return text + decoder.decode()
}

/** The whole in one piece. */
export async function collectBytes(
  chunks: AsyncIterable<Uint8Array>,
  options: CollectOptions,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  const small = new GrowingBuffer()
  for await (const chunk of bounded(chunks, options)) {
    const isSmall = chunk.length < SMALL_BYTES
    if (isSmall) small.append(chunk)
    if (small.length > 0 && (!isSmall || small.length > BLOCK_BYTES)) parts.push(small.take())
    if (!isSmall) parts.push(chunk)
  }
  parts.push(small.take())
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

async function* bounded(
  chunks: AsyncIterable<Uint8Array>,
  { stream = 'stdout', maxBytes = COLLECTED_BYTES }: CollectOptions,
): AsyncGenerator<Uint8Array, void> {
  checkBytes(maxBytes, 0)
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > maxBytes) {
      const sentence = `The command's ${stream} is longer than ${maxBytes} bytes. Loop over it, or take more by maxBytes.`
      throw new OgentError('PAYLOAD_TOO_LARGE', sentence)
    }
    yield chunk
  }
}

/** Throws VALIDATION_FAILED for a bound that is none. */
export function checkBytes(maxBytes: number, least: number): void {
  if (maxBytes >= least) return
  const msg = `takes a number of bytes, ${least} or more`
  const issues = [{ loc: ['maxBytes'], msg, type: 'invalid_value' }]
  throw new OgentError('VALIDATION_FAILED', `maxBytes: ${msg}`, { issues })
}
