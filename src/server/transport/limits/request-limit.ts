import { networkOf } from '../../../shared/access/network.js'
import { OgentError } from '../../../shared/errors.js'
import { type Caller, countedAs } from '../caller.js'
import type { Limiter } from './port.js'
import { memoryLimiter } from './rate-limiter.js'

const MINUTE_SECONDS = 60

/** Where a caller is after its request. */
export type Counted = {
  /** Requests that it may make in a minute. */
  limit: number
  /** What is left of them. */
  remaining: number
  /** When all of them are there again, in seconds from now. */
  reset_seconds: number
  /** Why this one is refused, where it is one too many. */
  refusal: OgentError | undefined
}

/**
 * Bounds the requests that an account makes in a minute; those of callers that are not known count by their network. It
 * counts in memory, each controller by itself, since a round trip to the store would cost more than many requests do.
 */
export class RequestLimit {
  readonly #perMinute: number
  readonly #accounts: Limiter
  readonly #networks: Limiter

  /** `perMinute`: 0 for no limit. */
  constructor(perMinute: number) {
    this.#perMinute = perMinute
    this.#accounts = memoryLimiter({ name: 'account', points: perMinute, seconds: MINUTE_SECONDS })
    this.#networks = memoryLimiter({ name: 'network', points: perMinute, seconds: MINUTE_SECONDS })
  }

  /** Counts so many requests of a caller, all or none of which are refused; undefined where there is no limit. */
  async count(identity: Caller | OgentError, address: string, requests = 1): Promise<Counted | undefined> {
    const limit = this.#perMinute
    if (limit === 0) return undefined
    const username = identity instanceof OgentError ? undefined : countedAs(identity)
    const { allowed, remaining, resetMs } =
      username === undefined
        ? await this.#networks.take(networkOf(address), requests)
        : await this.#accounts.take(username, requests)
    const reset_seconds = Math.ceil(resetMs / 1000)
    const refusal = allowed ? undefined : tooMany(username ?? 'This address', limit, reset_seconds)
    return { limit, remaining, reset_seconds, refusal }
  }
}

function tooMany(who: string, limit: number, seconds: number): OgentError {
  const sentence = `${who} has made ${limit} requests in a minute, which is the limit (MAX_REQUESTS_PER_MINUTE): try again in ${seconds} s.`
  return new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: seconds })
}
