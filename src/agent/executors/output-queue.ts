import type { OutputChunk } from '../commands/ports.js'

/** What a source of bytes must offer for its reading to be held back. */
export type Pausable = { pause(): unknown; resume(): unknown }

/**
 * Merges the streams of one process in the order in which they are read, with a bound: past it the sources
 * are paused, so the process waits on its full pipe, and resumed when the reader has caught up.
 */
export class OutputQueue implements AsyncIterable<OutputChunk> {
  readonly #sources: Pausable[]
  readonly #highWater: number
  #chunks: OutputChunk[] = []
  #bytes = 0
  #received = 0
  #paused = false
  #pausedAt = 0
  #pausedBefore = 0
  #ended = false
  #wake: (() => void) | undefined

  constructor(sources: Pausable[], highWater = 256 * 1024) {
    this.#sources = sources
    this.#highWater = highWater
  }

  /** Milliseconds in which the sources were held back, up to now. */
  get pausedMs(): number {
    return this.#pausedBefore + (this.#paused ? performance.now() - this.#pausedAt : 0)
  }

  /** Bytes that have come in so far. */
  get received(): number {
    return this.#received
  }

  push(chunk: OutputChunk): void {
    this.#chunks.push(chunk)
    this.#received += chunk.data.length
    this.#bytes += chunk.data.length
    if (!this.#paused && this.#bytes >= this.#highWater) {
      this.#paused = true
      this.#pausedAt = performance.now()
      for (const source of this.#sources) source.pause()
    }
    this.#wake?.()
  }

  end(): void {
    this.#ended = true
    this.#wake?.()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<OutputChunk> {
    while (true) {
      const chunks = this.#chunks
      if (chunks.length === 0) {
        if (this.#ended) return
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
        this.#wake = undefined
        continue
      }
      this.#chunks = []
      for (const chunk of chunks) {
        yield chunk
        this.#bytes -= chunk.data.length
      }
      if (this.#paused && this.#bytes < this.#highWater) {
        this.#paused = false
        this.#pausedBefore += performance.now() - this.#pausedAt
        for (const source of this.#sources) source.resume()
      }
    }
  }
}
