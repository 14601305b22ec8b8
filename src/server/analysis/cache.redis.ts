import { type AiProcessing, aiProcessingSchema } from '../../shared/analysis/analysis.js'
import { opinionKeys } from '../storage/redis/keys.js'
import { type RedisServer, redisScript } from '../storage/redis/server.redis.js'
import type { Opinions } from './ports.js'

/** So many opinions are kept, of a few KB each; one more takes the place of the oldest. */
const MOST = 1000

/** KEYS rows, age. ARGV key, row, microseconds since 1970, most. */
const putScript = redisScript(`
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[1])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
  for _, key in ipairs(redis.call('ZRANGE', KEYS[2], 0, over - 1)) do
    redis.call('HDEL', KEYS[1], key)
    redis.call('ZREM', KEYS[2], key)
  end
end
return 1
`)

/** What models said of commands, for all controllers. */
export class RedisOpinions implements Opinions {
  readonly #redis: RedisServer
  readonly #most: number

  constructor(redis: RedisServer, most = MOST) {
    this.#redis = redis
    this.#most = most
  }

  async get(key: string): Promise<AiProcessing | undefined> {
    const row = await this.#redis.call('hget', opinionKeys[0], key)
    return row === null ? undefined : aiProcessingSchema.safeParse(JSON.parse(String(row))).data
  }

  async put(key: string, opinion: AiProcessing): Promise<void> {
    const args = [key, JSON.stringify(opinion), Math.round(this.#redis.now() * 1000), this.#most]
    await this.#redis.run(putScript, opinionKeys, args)
  }
}
