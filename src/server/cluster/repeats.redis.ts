import type { RedisServer } from '../storage/redis/server.redis.js'
import { UNSYNCED_MS } from '../storage/redis/unsynced.js'
import type { Log } from '../telemetry/ports.js'

type Repeat = { write: () => Promise<unknown>; at: number }

/**
 * Writes of the last seconds that are made once more when Redis is back: one that was killed may have come back without
 * what it acknowledged last. Only for writes that change nothing where they have been made, or where another controller
 * has written since.
 */
export class RedisRepeats {
  readonly #redis: RedisServer
  readonly #repeats = new Map<string, Repeat>()

  constructor(redis: RedisServer, log: Log) {
    this.#redis = redis
    redis.onReady(() => {
      this.#repeat().catch((error) => log.debug({ err: error }, 'the last writes were not repeated'))
    })
  }

  /** The last write about `key`, which was just made. */
  remember(key: string, write: () => Promise<unknown>): void {
    const at = performance.now()
    for (const [other, repeat] of this.#repeats) if (repeat.at < at - UNSYNCED_MS) this.#repeats.delete(other)
    this.#repeats.set(key, { write, at })
  }

  /** Another write about `key` is made, which must not be undone. */
  forget(key: string): void {
    this.#repeats.delete(key)
  }

  async #repeat(): Promise<void> {
    for (const { write } of [...this.#repeats.values()]) await this.#redis.patiently(write)
  }
}
