import { createHash, type Hash } from 'node:crypto'
import type { StreamName } from '../../shared/commands/event.js'
import { MAX_CHUNK_BYTES } from '../../shared/link/protocol.js'

/** A chunk ready for the journal: cut on a character boundary, at most `MAX_CHUNK_BYTES`. */
export type CutChunk = { stream: StreamName; offset: number; data: Uint8Array }

export type StreamTotals = { bytes: number; sha256: string }

/**
 * One command's output on its way: counts and hashes every byte that the process wrote, and cuts it into
 * chunks that are each valid UTF-8 by themselves. Past `maxBytes` (both streams together) bytes are still counted and
 * hashed, but no longer kept; `dropped` then says how many.
 */
export class Output {
  dropped = 0
  #kept = 0
  readonly #maxBytes: number
  readonly #streams = { stdout: new StreamMeter(), stderr: new StreamMeter() }

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Takes what was read from the child; gives the chunks that are whole by now. */
  write(stream: StreamName, data: Uint8Array): CutChunk[] {
    const meter = this.#streams[stream]
    meter.count(data)
    return this.#keep(stream, meter, meter.cut(data))
  }

  /** The rest of both streams at their end: bytes that began a character and never finished it. */
  flush(): CutChunk[] {
    return (['stdout', 'stderr'] as const).flatMap((stream) => {
      const meter = this.#streams[stream]
      return this.#keep(stream, meter, meter.rest())
    })
  }

  totals(stream: StreamName): StreamTotals {
    return this.#streams[stream].totals()
  }

  #keep(stream: StreamName, meter: StreamMeter, pieces: Uint8Array[]): CutChunk[] {
    const chunks: CutChunk[] = []
    for (const piece of pieces) {
      const data = this.#withinBound(piece)
      if (data.length > 0) chunks.push({ stream, offset: meter.offset, data })
      meter.offset += data.length
    }
    return chunks
  }

  #withinBound(piece: Uint8Array): Uint8Array {
    const room = this.dropped > 0 ? 0 : this.#maxBytes - this.#kept
    // The kept part ends on a character too, or the last chunk would read as broken text.
    const data = piece.length <= room ? piece : piece.subarray(0, boundaryBefore(piece, room))
    this.#kept += data.length
    this.dropped += piece.length - data.length
    return data
  }
}

const HASH_OF_NOTHING = createHash('sha256').digest('hex')

class StreamMeter {
  offset = 0
  #bytes = 0
  #carry: Uint8Array = new Uint8Array(0)
  /** Made for the first byte: most commands write to one stream only, or to none. */
  #hash: Hash | undefined

  count(data: Uint8Array): void {
    this.#bytes += data.length
    this.#hash ??= createHash('sha256')
    this.#hash.update(data)
  }

  cut(data: Uint8Array): Uint8Array[] {
    const whole = this.#carry.length === 0 ? data : join(this.#carry, data)
    const end = whole.length - unfinishedTail(whole)
    this.#carry = end === whole.length ? new Uint8Array(0) : whole.slice(end)
    return split(whole.subarray(0, end))
  }

  rest(): Uint8Array[] {
    const rest = this.#carry
    this.#carry = new Uint8Array(0)
    return split(rest)
  }

  totals(): StreamTotals {
    return { bytes: this.#bytes, sha256: this.#hash?.copy().digest('hex') ?? HASH_OF_NOTHING }
  }
}

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length)
  both.set(a)
  both.set(b, a.length)
  return both
}

function split(data: Uint8Array): Uint8Array[] {
  if (data.length === 0) return []
  if (data.length <= MAX_CHUNK_BYTES) return [data]
  const pieces: Uint8Array[] = []
  let rest = data
  while (rest.length > MAX_CHUNK_BYTES) {
    const end = boundaryBefore(rest, MAX_CHUNK_BYTES)
    pieces.push(rest.subarray(0, end))
    rest = rest.subarray(end)
  }
  pieces.push(rest)
  return pieces
}

/** The greatest cut at or before `limit` that does not split a character. */
function boundaryBefore(data: Uint8Array, limit: number): number {
  const head = data.subarray(0, Math.max(limit, 0))
  return head.length - unfinishedTail(head)
}

/**
 * How many bytes at the end begin a UTF-8 character that could still be finished. Bytes that can never
 * become a character are not held back: a decoder gives a replacement for them at once, here as there.
 * The ranges of the second byte are those of the Unicode Standard, table 3-7.
 */
function unfinishedTail(data: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= data.length; back++) {
    const lead = data[data.length - back] ?? 0
    if ((lead & 0xc0) === 0x80) continue
    const needs =
      lead >= 0xf0 && lead <= 0xf4 ? 4 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xc2 && lead < 0xe0 ? 2 : 1
    if (needs <= back) return 0
    if (back > 1 && !mayFollow(lead, data[data.length - back + 1] ?? 0)) return 0
    return back
  }
  return 0
}

function mayFollow(lead: number, second: number): boolean {
  switch (lead) {
    case 0xe0:
      return second >= 0xa0
    case 0xed:
      return second <= 0x9f
    case 0xf0:
      return second >= 0x90
    case 0xf4:
      return second <= 0x8f
    default:
      return true
  }
}
