import { LRUCache } from 'lru-cache'
import { type RateLimiterAbstract, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import type { Allowance, Limiter, LimiterOptions, Taken } from './port.js'

/** Keys that a limiter remembers in this process; the one that was used longest ago goes first. */
const REMEMBERED = 10_000

/**
 * Bounds what each key takes in a time. `counter` counts; what it could not count elsewhere, as while Redis is away, is
 * in `memory`, and the stricter of the two holds: a store that can be read and not written opens nothing.
 */
export class StoredLimiter implements Limiter {
  readonly #options: LimiterOptions
  readonly #counter: RateLimiterAbstract
  readonly #memory: RateLimiterMemory
  /** The library bounds neither its keys nor their timers. */
  readonly #keys = new LRUCache<string, true>({
    max: REMEMBERED,
    dispose: (_, key, reason) => {
      if (reason === 'evict') void this.#memory.delete(key)
    },
  })

  /** `counter` is `memory` where nothing is shared, else it falls back on it. */
  constructor(options: LimiterOptions, counter: RateLimiterAbstract, memory: RateLimiterMemory) {
    this.#options = options
    this.#counter = counter
    this.#memory = memory
  }

  async get(key: string): Promise<Allowance> {
    const own = this.#allowance(await this.#memory.get(key))
    if (own.remaining === 0 || this.#counter === this.#memory) return own
    const shared = this.#allowance(await this.#counter.get(key))
    return shared.remaining < own.remaining ? shared : own
  }

  async take(key: string, points = 1): Promise<Taken> {
    this.#keys.set(key, true)
    try {
      return takenOf(await this.#counter.consume(key, points), true)
    } catch (cause) {
      // Thrown by the library where there is not that much; it is no error.
      if (cause instanceof RateLimiterRes) return takenOf(cause, false)
      throw cause
    }
  }

  async exhaust(key: string): Promise<void> {
    const { points, seconds } = this.#options
    this.#keys.set(key, true)
    await this.#memory.set(key, points, seconds)
    if (this.#counter !== this.#memory) await this.#counter.set(key, points, seconds)
  }

  async giveBack(key: string): Promise<void> {
    this.#keys.set(key, true)
    await this.#counter.reward(key)
  }

  async clear(key: string): Promise<void> {
    await this.#memory.delete(key)
    if (this.#counter !== this.#memory) await this.#counter.delete(key)
  }

  #allowance(counted: RateLimiterRes | null): Allowance {
    // One whose time has come may still be there for a moment.
    if (!counted || counted.msBeforeNext <= 0) return { remaining: this.#options.points, resetMs: 0 }
    return { remaining: counted.remainingPoints, resetMs: counted.msBeforeNext }
  }
}

/** A limiter that counts in the memory of this process. */
export function memoryLimiter(options: LimiterOptions): Limiter {
  const memory = memoryCounter(options)
  return new StoredLimiter(options, memory, memory)
}

export function memoryCounter({ points, seconds }: LimiterOptions): RateLimiterMemory {
  return new RateLimiterMemory({ points, duration: seconds, keyPrefix: '' })
}

function takenOf({ remainingPoints, msBeforeNext }: RateLimiterRes, allowed: boolean): Taken {
  return { remaining: remainingPoints, resetMs: msBeforeNext, allowed }
}
