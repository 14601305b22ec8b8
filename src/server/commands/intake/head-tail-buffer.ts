/**
 * The beginning and the end of a stream, kept while it flows: all of it while it fits, else half of the bound
 * each, cut on characters, with a line between that says how much is left out. The lines count into the bound.
 */
export class HeadTailBuffer {
  readonly #limit: number
  #head: Uint8Array[] = []
  #headBytes = 0
  #tail: Uint8Array[] = []
  #tailBytes = 0
  #total = 0

  constructor(limit: number) {
    this.#limit = limit
  }

  /** Bytes added so far. */
  get total(): number {
    return this.#total
  }

  get truncated(): boolean {
    return this.#total > this.#limit
  }

  add(data: Uint8Array): void {
    this.#total += data.length
    const half = Math.ceil(this.#limit / 2)
    const toHead = Math.min(Math.max(half - this.#headBytes, 0), data.length)
    if (toHead > 0) {
      this.#head.push(data.subarray(0, toHead))
      this.#headBytes += toHead
    }
    if (toHead === data.length) return
    this.#tail.push(data.subarray(toHead))
    this.#tailBytes += data.length - toHead
    let first = this.#tail[0]
    while (first && this.#tailBytes - first.length >= half) {
      this.#tail.shift()
      this.#tailBytes -= first.length
      first = this.#tail[0]
    }
  }

  /** `written`: of the whole stream, of which no more than `total` was kept; what its end lacks is reported too. */
  bytes(written = this.#total): Uint8Array {
    const head = concat(this.#head)
    const tail = concat(this.#tail)
    const unkept = Math.max(written - this.#total, 0)
    if (!this.truncated && unkept === 0) return concat([head, tail])
    const end = unkept === 0 ? [] : [mark(unkept, 'more bytes were not kept')]
    if (this.#total + lengthOf(end) <= this.#limit) return concat([head, tail, ...end])
    // Never longer than this: what is left out is less than what there is.
    const marks = mark(this.#total, LEFT_OUT).length + lengthOf(end)
    const room = this.#limit - marks
    if (room <= 0) return head.subarray(0, characterStart(head, Math.min(this.#limit, head.length)))
    const headPart = head.subarray(0, characterStart(head, Math.ceil(room / 2)))
    const tailEnd = tail.subarray(Math.max(tail.length - Math.floor(room / 2), 0))
    const tailPart = tailEnd.subarray(continuationBytes(tailEnd))
    const leftOut = this.#total - headPart.length - tailPart.length
    return concat([headPart, mark(leftOut, LEFT_OUT), tailPart, ...end])
  }
}

const LEFT_OUT = 'bytes left out'

function mark(count: number, what: string): Uint8Array {
  return new TextEncoder().encode(`\n[... ${count} ${what} ...]\n`)
}

function lengthOf(parts: Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0)
}

function concat(parts: Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only) return only
  const whole = new Uint8Array(lengthOf(parts))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80
}

/** Where the character begins that a cut at `at` would split; `at` itself where it splits none. */
function characterStart(data: Uint8Array, at: number): number {
  for (let back = 1; back <= 3 && back <= at; back++) {
    const byte = data[at - back] ?? 0
    if (isContinuation(byte)) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? at - back : at
  }
  return at
}

function continuationBytes(data: Uint8Array): number {
  let count = 0
  while (count < 3 && isContinuation(data[count])) count += 1
  return count
}
