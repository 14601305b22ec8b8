/**
 * The beginning and the end of a stream, kept while it flows: all of it while it fits, else half of the bound
 * each, cut on characters, with a line between that says how much is left out.
 */
export class Excerpt {
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

  bytes(): Uint8Array {
    const head = concat(this.#head)
    const tail = concat(this.#tail)
    if (!this.truncated) return concat([head, tail])
    const headEnd = characterStart(head, head.length)
    const end = tail.subarray(Math.max(tail.length - Math.floor(this.#limit / 2), 0))
    const tailPart = end.subarray(continuationBytes(end))
    const leftOut = this.#total - headEnd - tailPart.length
    const mark = new TextEncoder().encode(`\n[... ${leftOut} bytes left out ...]\n`)
    return concat([head.subarray(0, headEnd), mark, tailPart])
  }
}

function concat(parts: Uint8Array[]): Uint8Array {
  const [only] = parts
  if (parts.length === 1 && only) return only
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
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
