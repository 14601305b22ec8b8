import { networkOf } from '../../../shared/access/network.js'
import { OgentError } from '../../../shared/errors.js'
import type { Limiter } from '../../transport/limits/port.js'

/** What one network may fail at in a time. */
export const JOIN_LIMIT = { name: 'join', points: 50, seconds: 5 * 60 } as const

/**
 * Counts proofs that fail, by network. What proves right is never refused: behind one address there may be a whole fleet, and
 * keys and secrets of 256 bits cannot be guessed. So it bounds what failing costs the log and the audit.
 */
export class ProofThrottle {
  readonly #failures: Limiter

  constructor(failures: Limiter) {
    this.#failures = failures
  }

  /** What `act` gives. `onRefused` hears of refusals, but not of those that are too many, which throw RATE_LIMITED. */
  async of<T>(address: string, act: () => Promise<T>, onRefused: (refusal: OgentError) => void): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!(error instanceof OgentError) || error.status >= 500) throw error
      const { allowed, resetMs } = await this.#failures.take(networkOf(address))
      if (allowed) {
        onRefused(error)
        throw error
      }
      // What is final for an agent stays so, regardless of how many others fail.
      if (error.code !== 'UNAUTHORIZED' && error.code !== 'VALIDATION_FAILED') throw error
      const wait = Math.max(Math.ceil(resetMs / 1000), 1)
      throw new OgentError('RATE_LIMITED', `Too many joins and proofs have failed: try again in ${wait} s.`, {
        retry_after_seconds: wait,
      })
    }
  }
}
