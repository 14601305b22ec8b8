export type BackoffOptions = {
  /** Window of the first wait, in ms. */
  baseMs: number
  /** Milliseconds of a clock that never steps. */
  now?: () => number
  /** From 0 to 1, as `Math.random`. */
  random?: () => number
}

/** Of an outage so far, the part by which the window grows. */
const OF_OUTAGE = 1 / 2
/** Of that window, the part that is waited; the rest is for the attempt itself. */
const WAITED = 0.8

/**
 * How long to wait between attempts to connect: a random part of a window (full jitter: "Exponential backoff and
 * jitter", AWS Architecture Blog, 2015) that grows with the length of the outage. Counted in attempts instead, a few
 * short cuts in a row would make a long wait. With a base of 1 s, a peer that was unreachable for t seconds has the
 * connection back within t/2 + 1 s, and connections that were lost together come back spread over that time.
 */
export class Backoff {
  readonly #baseMs: number
  readonly #now: () => number
  readonly #random: () => number
  #lostAt: number | undefined

  constructor({ baseMs, now = () => performance.now(), random = Math.random }: BackoffOptions) {
    this.#baseMs = baseMs
    this.#now = now
    this.#random = random
  }

  /** The connection works: its next loss begins an outage. */
  connected(): void {
    this.#lostAt = undefined
  }

  /** Milliseconds to wait before the next attempt. The first call after `connected` begins the outage. */
  next(longestMs: number): number {
    this.#lostAt ??= this.#now()
    const window = WAITED * (this.#baseMs + (this.#now() - this.#lostAt) * OF_OUTAGE)
    return this.#random() * Math.min(window, longestMs)
  }
}
