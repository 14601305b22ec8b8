import { policyChannel, policyKey } from '../../storage/redis/keys.js'
import { type RedisServer, redisScript } from '../../storage/redis/server.redis.js'
import { type PolicyStore, parseStored, type StoredPolicy } from './store.js'

/** KEYS policy. ARGV tag that is expected or '', row. Gives 1 where it was saved. */
const replaceScript = redisScript(`
local row = redis.call('GET', KEYS[1])
local tag = ''
if row then tag = cjson.decode(row).etag end
if tag ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
`)

/** The policy of all controllers that share a Redis. */
export class RedisPolicies implements PolicyStore {
  readonly #redis: RedisServer

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  async read(): Promise<StoredPolicy | undefined> {
    const row = await this.#redis.call('get', policyKey)
    return row === null ? undefined : parseStored(JSON.parse(String(row)))
  }

  async replace(before: string | undefined, stored: StoredPolicy): Promise<boolean> {
    const args = [before ?? '', JSON.stringify(stored)]
    const saved = (await this.#redis.run(replaceScript, [policyKey], args)) === 1
    // A controller that misses it looks again within seconds.
    if (saved) await this.#redis.call('publish', policyChannel, stored.etag).catch(() => {})
    return saved
  }

  onChange(listener: () => void): () => void {
    return this.#redis.notifications.listen(policyChannel, () => listener())
  }
}
