import { accessChannel, accessKeys } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import type { Log } from '../telemetry/ports.js'
import type { EndedSession, SharedRows, StoredUser } from './ports.js'
import { RedisRows } from './rows.redis.js'
import { formatUser, parseUser } from './stored-user.js'

/** The accounts of all controllers by their names: one hash, of password hashes only. */
export function redisUsers(redis: RedisServer, log: Log): SharedRows<StoredUser> {
  return new RedisRows({
    redis,
    keys: accessKeys.users,
    channel: accessChannel('users'),
    parse: parseUser,
    format: formatUser,
    log,
  })
}

/** The logins that were ended before their tokens. */
export function redisEndedSessions(redis: RedisServer, log: Log): SharedRows<EndedSession> {
  // Written by a controller alone.
  const parse = (row: unknown) => row as EndedSession
  return new RedisRows({ redis, keys: accessKeys.ended, channel: accessChannel('ended'), parse, log })
}
