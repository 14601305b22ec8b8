import { z } from 'zod'
import { roleSchema } from '../../shared/access/identity.js'
import { usersKey } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { StoredUser, Users } from './ports.js'

const rowSchema = z.object({ username: z.string(), role: roleSchema, password_hash: z.string() })

const NAMES_AT_A_TIME = 500

/** The accounts of all controllers: one hash, of password hashes only. */
export class RedisUsers implements Users {
  readonly #redis: RedisServer

  constructor(redis: RedisServer) {
    this.#redis = redis
  }

  async find(username: string): Promise<StoredUser | undefined> {
    const row = await this.#redis.call('hget', usersKey, username)
    return row === null ? undefined : parse(row)
  }

  async findAll(usernames: string[]): Promise<Map<string, StoredUser>> {
    const found = new Map<string, StoredUser>()
    for (let at = 0; at < usernames.length; at += NAMES_AT_A_TIME) {
      const rows = await this.#redis.call('hmget', usersKey, ...usernames.slice(at, at + NAMES_AT_A_TIME))
      for (const row of Array.isArray(rows) ? rows : []) {
        if (row === null) continue
        const user = parse(row)
        found.set(user.username, user)
      }
    }
    return found
  }

  async all(): Promise<StoredUser[]> {
    const rows = await this.#redis.call('hvals', usersKey)
    const users = Array.isArray(rows) ? rows.map(parse) : []
    return users.sort((a, b) => (a.username < b.username ? -1 : 1))
  }

  /** Adds an account, or replaces the one of that name. */
  async put(user: StoredUser): Promise<void> {
    await this.#redis.call('hset', usersKey, user.username, JSON.stringify(user))
  }

  /** Adds an account; false where there is one of that name: of two controllers that start at once, one adds it. */
  async add(user: StoredUser): Promise<boolean> {
    return (await this.#redis.call('hsetnx', usersKey, user.username, JSON.stringify(user))) === 1
  }

  async remove(username: string): Promise<boolean> {
    return (await this.#redis.call('hdel', usersKey, username)) === 1
  }
}

function parse(row: unknown): StoredUser {
  return rowSchema.parse(JSON.parse(String(row)))
}
