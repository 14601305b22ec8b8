import { z } from 'zod'
import { accessChannel, accessKeys } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { SharedRows, StoredToken, TokenUse, TokenUses } from './ports.js'
import { RedisRows } from './rows.redis.js'

const useSchema = z.object({ at: z.number(), address: z.string() })

/** The API tokens of all controllers by their ids: hashes alone. */
export function redisTokens(redis: RedisServer, log: Log): SharedRows<StoredToken> {
  // Written by a controller alone.
  const parse = (row: unknown) => row as StoredToken
  return new RedisRows({ redis, keys: accessKeys.tokens, channel: accessChannel('tokens'), parse, log })
}

/** When API tokens were last used, at any controller. */
export class RedisTokenUses implements TokenUses {
  readonly #redis: RedisServer

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  async note(token_id: string, use: TokenUse): Promise<void> {
    await this.#redis.call('hset', accessKeys.used, token_id, JSON.stringify(use))
  }

  async of(token_ids: readonly string[]): Promise<Map<string, TokenUse>> {
    const found = new Map<string, TokenUse>()
    if (token_ids.length === 0) return found
    const rows = await this.#redis.call('hmget', accessKeys.used, ...token_ids)
    for (const [at, row] of (Array.isArray(rows) ? rows : []).entries()) {
      const token_id = token_ids[at]
      if (row !== null && token_id !== undefined)
        found.set(token_id, useSchema.parse(JSON.parse(String(row))))
    }
    return found
  }

  async remove(token_ids: readonly string[]): Promise<void> {
    if (token_ids.length > 0) await this.#redis.call('hdel', accessKeys.used, ...token_ids)
  }
}
