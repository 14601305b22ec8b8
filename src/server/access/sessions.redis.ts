import { z } from 'zod'
import { accessKeys } from '../storage/redis/keys.js'
import { type RedisServer, redisScript } from '../storage/redis/server.redis.js'
import type { SessionStore, StoredSession } from './ports.js'
import { droppedSessions, KEPT_SESSIONS } from './session-bound.js'

const rowSchema = z.object({
  session_id: z.string(),
  created_at: z.number(),
  last_seen_at: z.number(),
  expires_at: z.number(),
  address: z.string(),
  via: z.enum(['password', 'oidc']),
})

/** KEYS: the logins of an account. ARGV: one of them, as JSON, its id, and for how long all are kept, in ms. */
const addScript = redisScript(`
redis.call('hset', KEYS[1], ARGV[2], ARGV[1])
if redis.call('pttl', KEYS[1]) < tonumber(ARGV[3]) then redis.call('pexpire', KEYS[1], ARGV[3]) end
return redis.call('hlen', KEYS[1])
`)

/** KEYS: the logins of an account. ARGV: the id of one, and what it is now, where it is remembered. */
const replaceScript = redisScript(`
if redis.call('hexists', KEYS[1], ARGV[1]) == 1 then redis.call('hset', KEYS[1], ARGV[1], ARGV[2]) end
return 1
`)

/** The logins at all controllers: a hash for each account, which goes with the last of its tokens. */
export class RedisSessions implements SessionStore {
  readonly #redis: RedisServer

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  async add(user_id: string, session: StoredSession): Promise<void> {
    const key = accessKeys.sessions(user_id)
    const { session_id, created_at, expires_at } = session
    const args = [JSON.stringify(session), session_id, Math.max(expires_at - created_at, 1)]
    const count = Number(await this.#redis.run(addScript, [key], args))
    if (count <= KEPT_SESSIONS) return
    const dropped = droppedSessions(await this.list(user_id), created_at)
    if (dropped.length > 0) await this.#redis.call('hdel', key, ...dropped)
  }

  async seen(user_id: string, session_id: string, at: number, address: string): Promise<void> {
    const key = accessKeys.sessions(user_id)
    const row = await this.#redis.call('hget', key, session_id)
    if (row === null) return
    const session = { ...rowSchema.parse(JSON.parse(String(row))), last_seen_at: at, address }
    await this.#redis.run(replaceScript, [key], [session_id, JSON.stringify(session)])
  }

  async list(user_id: string): Promise<StoredSession[]> {
    const rows = await this.#redis.call('hvals', accessKeys.sessions(user_id))
    return Array.isArray(rows) ? rows.map((row) => rowSchema.parse(JSON.parse(String(row)))) : []
  }

  async remove(user_id: string, session_id?: string): Promise<void> {
    const key = accessKeys.sessions(user_id)
    if (session_id === undefined) await this.#redis.call('del', key)
    else await this.#redis.call('hdel', key, session_id)
  }

  async lastLogins(user_ids: readonly string[]): Promise<Map<string, number>> {
    if (user_ids.length === 0) return new Map()
    const times = await this.#redis.call('hmget', accessKeys.logins, ...user_ids)
    const found = Array.isArray(times) ? times : []
    return new Map(
      user_ids.flatMap((user_id, at) =>
        found[at] === null || found[at] === undefined ? [] : [[user_id, Number(found[at])] as const],
      ),
    )
  }

  async noteLogin(user_id: string, at: number): Promise<void> {
    await this.#redis.call('hset', accessKeys.logins, user_id, at)
  }
}
