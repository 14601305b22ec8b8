/** Bytes that are copied behind each other: what is kept of many small chunks does not keep the frames they came in. */
export class GrowingBuffer {
  #bytes = new Uint8Array(0)
  #length = 0

  get length(): number {
    return this.#length
  }

  append(data: Uint8Array): void {
    const length = this.#length + data.length
    if (length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(length, 2 * this.#bytes.length))
      grown.set(this.#bytes.subarray(0, this.#length))
      this.#bytes = grown
    }
    this.#bytes.set(data, this.#length)
    this.#length = length
  }

  /** All of it; the buffer is empty then, and what was given is not written to again. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length)
    this.#bytes = new Uint8Array(0)
    this.#length = 0
    return taken
  }
}
