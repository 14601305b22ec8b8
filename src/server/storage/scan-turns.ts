/** How long a scan works before other work gets its turn, in ms. */
const SLICE_MS = 10

/**
 * Lets scans over many rows take turns: in one turn of the event loop only one of them works, for about 10 ms, however
 * many callers there are. Scans are served in the order in which they ask.
 */
export class ScanTurns {
  #last: Promise<void> = Promise.resolve()

  /** A scan that has not worked yet: its first turn is due. */
  scan(): Scan {
    return new Scan(() => this.#next())
  }

  #next(): Promise<void> {
    // The next one asks for its turn of the event loop only when this one has begun.
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)))
    return this.#last
  }
}

/** One scan: before each row its caller waits for `turn()` where that `isDue`. */
export class Scan {
  readonly #next: () => Promise<void>
  #began: number | undefined
  #worked = 0

  constructor(next: () => Promise<void>) {
    this.#next = next
  }

  get isDue(): boolean {
    return this.#began === undefined || performance.now() - this.#began >= SLICE_MS
  }

  /** How long it has worked, in ms, up to its last turn: waits for others are not counted. */
  get workedMs(): number {
    return this.#worked
  }

  async turn(): Promise<void> {
    if (this.#began !== undefined) this.#worked += performance.now() - this.#began
    await this.#next()
    this.#began = performance.now()
  }
}
