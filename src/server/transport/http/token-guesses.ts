import { LRUCache } from 'lru-cache'
import { OgentError } from '../../../shared/errors.js'

/** Wrong tokens of one address in this time, in ms, after which it is enough until that has passed. */
const WINDOW_MS = 5 * 60 * 1000
const MAX_GUESSES = 50
/** Addresses that are remembered; the one that was used longest ago goes first. */
const REMEMBERED = 10_000

/** Counts wrong tokens by address. */
export class Guesses {
  readonly #addresses = new LRUCache<string, { count: number; until: number }>({ max: REMEMBERED })

  /** Throws RATE_LIMITED after too many wrong ones. */
  assertFew(address: string, now = performance.now()): void {
    const guesses = this.#addresses.get(address)
    if (!guesses || guesses.count < MAX_GUESSES || guesses.until <= now) return
    const wait = Math.ceil((guesses.until - now) / 1000)
    throw new OgentError('RATE_LIMITED', `Too many wrong tokens: try again in ${wait} s.`, {
      retry_after_seconds: wait,
    })
  }

  wrong(address: string, now = performance.now()): void {
    const held = this.#addresses.get(address)
    if (held && held.until > now) {
      held.count += 1
      return
    }
    this.#addresses.set(address, { count: 1, until: now + WINDOW_MS })
  }
}
