import { GrowingBuffer } from './growing-buffer.js'
import { checkBytes, type LineOptions, type OutputChunk, type OutputLine } from './output.js'

const LINE_BYTES = 1024 * 1024
/** Bytes of the longest character in UTF-8: no bound cuts one. */
const CHARACTER_BYTES = 4
const NEWLINE = 0x0a
const RETURN = 0x0d

const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Lines, each when it has ended; at the end what is left of each stream. Throws VALIDATION_FAILED at once. */
export function linesOf(chunks: AsyncIterable<OutputChunk>, options: LineOptions): AsyncIterable<OutputLine> {
  const { maxBytes = LINE_BYTES, stream } = options
  checkBytes(maxBytes, CHARACTER_BYTES)
  return { [Symbol.asyncIterator]: () => cutLines(chunks, maxBytes, stream) }
}

async function* cutLines(
  chunks: AsyncIterable<OutputChunk>,
  maxBytes: number,
  wanted: LineOptions['stream'],
): AsyncGenerator<OutputLine, void> {
  const cutters = { stdout: new LineCutter(maxBytes), stderr: new LineCutter(maxBytes) }
  for await (const { stream, data } of chunks) {
    if (wanted !== undefined && wanted !== stream) continue
    for (const line of cutters[stream].push(data)) yield { stream, ...line }
  }
  for (const stream of ['stdout', 'stderr'] as const) {
    for (const line of cutters[stream].end()) yield { stream, ...line }
  }
}

type Line = Omit<OutputLine, 'stream'>

/** Cuts one stream into lines. What waits for the end of its line is a copy, and at most `maxBytes` and a chunk. */
class LineCutter {
  readonly #maxBytes: number
  readonly #waiting = new GrowingBuffer()

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  *push(data: Uint8Array): Generator<Line, void> {
    let from = 0
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, from)) {
      yield* this.#line(data.subarray(from, end))
      from = end + 1
    }
    if (from === data.length) return
    this.#waiting.append(data.subarray(from))
    if (this.#waiting.length <= this.#maxBytes) return
    this.#waiting.append(yield* this.#pieces(this.#waiting.take()))
  }

  /** The last line, where it has no end of its own. */
  *end(): Generator<Line, void> {
    if (this.#waiting.length > 0) yield { line: decoder.decode(this.#waiting.take()), partial: false }
  }

  *#line(last: Uint8Array): Generator<Line, void> {
    let bytes = last
    if (this.#waiting.length > 0) {
      this.#waiting.append(last)
      bytes = this.#waiting.take()
    }
    const rest = yield* this.#pieces(bytes)
    const end = rest.at(-1) === RETURN ? rest.length - 1 : rest.length
    yield { line: decoder.decode(rest.subarray(0, end)), partial: false }
  }

  /** Of what is too long for one item, all but the last piece, which is returned. */
  *#pieces(bytes: Uint8Array): Generator<Line, Uint8Array> {
    let from = 0
    while (bytes.length - from > this.#maxBytes) {
      const to = from + wholeCharacters(bytes.subarray(from, from + this.#maxBytes))
      yield { line: decoder.decode(bytes.subarray(from, to)), partial: true }
      from = to
    }
    return bytes.subarray(from)
  }
}

/** Bytes at the beginning that cut no character: one that may go on is left out, whether or not it does. */
function wholeCharacters(bytes: Uint8Array): number {
  for (let back = 1; back < CHARACTER_BYTES; back++) {
    const byte = bytes[bytes.length - back] ?? 0
    if ((byte & 0xc0) === 0x80) continue
    const needs = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needs > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
