import { clusterKeys } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { Attendance } from './ports.js'
import { countScript } from './scripts.redis.js'

/** A command lives for a week at most, and somewhat longer where its agent was offline. */
const ATTEND_MS = 9 * 24 * 3600 * 1000

/** Which controllers attend to what, in Redis. */
export class RedisAttendance implements Attendance {
  readonly #redis: RedisServer
  readonly #member: string
  readonly #attending = new Set<string>()

  /** `member`: this controller, as the others know it. */
  constructor(redis: RedisServer, member: string, log: Log) {
    this.#redis = redis
    this.#member = member
    // A Redis that was killed may have come back without what it acknowledged last.
    redis.onReady(() => {
      this.#repeat().catch((error) => log.debug({ err: error }, 'attendance was not written again'))
    })
  }

  async attend(thing: string): Promise<void> {
    this.#attending.add(thing)
    await this.#write(thing)
  }

  async leave(thing: string): Promise<void> {
    this.#attending.delete(thing)
    const key = clusterKeys.attendants(thing)
    await this.#redis.patiently(() => this.#redis.call('srem', key, this.#member))
  }

  async count(thing: string): Promise<number> {
    return Number(await this.#redis.run(countScript, [clusterKeys.attendants(thing)], [clusterKeys.lease]))
  }

  async #write(thing: string): Promise<void> {
    const key = clusterKeys.attendants(thing)
    await this.#redis.call('sadd', key, this.#member)
    await this.#redis.call('pexpire', key, ATTEND_MS)
  }

  async #repeat(): Promise<void> {
    for (const thing of [...this.#attending]) await this.#redis.patiently(() => this.#write(thing))
  }
}
