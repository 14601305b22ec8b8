import { OgentError } from '../../../shared/errors.js'
import { memoryLimiter } from '../limits/rate-limiter.js'

/** Wrong tokens of one address in this time, in seconds, after which it is enough until that has passed. */
const WINDOW_SECONDS = 5 * 60
const MAX_GUESSES = 50

/** Counts wrong tokens by address, at this controller: metrics are to be read also where its store is away. */
export class Guesses {
  readonly #addresses = memoryLimiter({ name: 'token', points: MAX_GUESSES, seconds: WINDOW_SECONDS })

  /** Throws RATE_LIMITED after too many wrong ones. */
  async assertFew(address: string): Promise<void> {
    const { remaining, resetMs } = await this.#addresses.get(address)
    if (remaining > 0) return
    const wait = Math.ceil(resetMs / 1000)
    throw new OgentError('RATE_LIMITED', `Too many wrong tokens: try again in ${wait} s.`, {
      retry_after_seconds: wait,
    })
  }

  async wrong(address: string): Promise<void> {
    await this.#addresses.take(address)
  }
}
