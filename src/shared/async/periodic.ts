export type PeriodicOptions = {
  /** From one call to the next, in ms. A call that comes while the one before is under way is left out. */
  everyMs: number
  act: () => Promise<void>
  /** What a call threw; the calls go on. */
  onError: (error: unknown) => void
  /** Whether the first call is made at once. Default: false, after `everyMs`. */
  atOnce?: boolean
}

/** Something that is done again and again, one call at a time, and lets the process end meanwhile. */
export class Periodic {
  readonly #options: PeriodicOptions
  readonly #timer: ReturnType<typeof setInterval>
  #busy = false

  constructor(options: PeriodicOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.#call(), options.everyMs)
    this.#timer.unref()
    if (options.atOnce) void this.#call()
  }

  /** Ends the calls; one that is under way goes on to its end. */
  close(): void {
    clearInterval(this.#timer)
  }

  async #call(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      await this.#options.act()
    } catch (error) {
      this.#options.onError(error)
    } finally {
      this.#busy = false
    }
  }
}
