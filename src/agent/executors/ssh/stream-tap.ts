import type { Readable } from 'node:stream'

/** What is looked through for a line at most, in bytes; older text is dropped. */
const LONGEST_SEARCH = 64 * 1024

/**
 * The one reader of a channel's stream: first for lines that our shell writes, then for what the command does.
 * It never pauses the stream: ssh2 tells the end of a channel only to those who read it.
 */
export class StreamTap {
  #held = Buffer.alloc(0)
  #sink: ((data: Buffer) => void) | undefined
  #look: (() => void) | undefined
  #ended = false

  constructor(stream: Readable) {
    stream.on('data', (data: Buffer) => {
      if (this.#sink) return this.#sink(data)
      this.#held = Buffer.concat([this.#held, data])
      this.#look?.()
    })
    stream.once('end', () => {
      this.#ended = true
      this.#look?.()
    })
  }

  /** What has come and was not taken. */
  get held(): string {
    return this.#held.toString('utf8')
  }

  /**
   * The next line that begins with this word, without what stood before it; what follows it is kept. Undefined
   * where the stream ends or the signal aborts first.
   */
  line(word: string, signal?: AbortSignal): Promise<string | undefined> {
    return new Promise((resolve) => {
      const settle = (line: string | undefined) => {
        signal?.removeEventListener('abort', giveUp)
        this.#look = undefined
        resolve(line)
      }
      const giveUp = () => settle(undefined)
      const look = () => {
        const line = this.#take(word)
        if (line !== undefined || this.#ended) settle(line)
      }
      signal?.addEventListener('abort', giveUp)
      this.#look = look
      if (signal?.aborted) giveUp()
      else look()
    })
  }

  /** Passes on what is held and all that comes. */
  flowTo(sink: (data: Buffer) => void): void {
    this.#sink = sink
    const held = this.#held
    this.#held = Buffer.alloc(0)
    if (held.length > 0) sink(held)
  }

  #take(word: string): string | undefined {
    for (let start = this.#held.indexOf(word); start >= 0; start = this.#held.indexOf(word, start + 1)) {
      const end = this.#held.indexOf('\n', start)
      const next = this.#held[start + word.length]
      if (end < 0) return undefined
      if (next !== 0x20 && next !== 0x0a) continue
      const line = this.#held.toString('utf8', start, end)
      this.#held = this.#held.subarray(end + 1)
      return line
    }
    if (this.#held.length > LONGEST_SEARCH) this.#held = this.#held.subarray(-word.length)
    return undefined
  }
}
