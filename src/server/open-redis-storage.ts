import type { AuditKey } from '../audit/keys.js'
import { newId } from '../shared/id.js'
import { passingAuditKey } from './access/audit/key-file.js'
import { RedisAuditStore } from './access/audit/store.redis.js'
import { redisLimiters } from './access/limiters.redis.js'
import { RedisPolicies } from './access/policy/store.redis.js'
import type { SharedRows, StoredUser } from './access/ports.js'
import { newDeploymentId } from './access/secrets.js'
import { RedisSessions } from './access/sessions.redis.js'
import { RedisTokenUses, redisTokens } from './access/tokens.redis.js'
import { redisEndedSessions, redisUsers } from './access/users.redis.js'
import { RedisDirectory } from './agents/directory.redis.js'
import { RedisEnrolmentRows } from './agents/enrolment/rows.redis.js'
import { RedisOpinions } from './analysis/cache.redis.js'
import { RedisAttendance } from './cluster/attendance.redis.js'
import { RedisRelay } from './cluster/relay.redis.js'
import { RedisRepeats } from './cluster/repeats.redis.js'
import { SharedOwnership } from './cluster/shared-ownership.js'
import { RedisClusterStore } from './cluster/store.redis.js'
import type { Events } from './events.js'
import { RedisJournal } from './journal/redis/journal.redis.js'
import { redisDeploymentId } from './storage/redis/deployment.redis.js'
import { RedisServer } from './storage/redis/server.redis.js'
import type { Storage } from './stores.js'
import type { Log } from './telemetry/ports.js'

export type RedisStorageOptions = {
  url: string
  secret: string
  orderKey: AuditKey | undefined
  retentionHours: number
  log: Log
  events: Events
  /** Whether this controller has an agent's link. */
  isHere: (agent_id: string) => boolean
}

/** A controller's part in a Redis that it shares with others. */
export async function openRedisStorage(options: RedisStorageOptions): Promise<Storage> {
  const { log, events, isHere } = options
  const redis = await RedisServer.open(options.url, log)
  const journal = new RedisJournal(redis, {
    keepMs: options.retentionHours * 3600 * 1000,
    isHere,
    log,
    events,
  })
  const member = newId()
  const repeats = new RedisRepeats(redis, log)
  const store = new RedisClusterStore({ redis, repeats, member })
  return {
    name: 'redis',
    journal,
    directory: new RedisDirectory({ redis, repeats, member, log }),
    enrolment: new RedisEnrolmentRows(redis, log),
    ownership: new SharedOwnership({ store, events, log }),
    attendance: new RedisAttendance(redis, member, log),
    relay: new RedisRelay({ redis, member, log }),
    audit: new RedisAuditStore({ redis, member, log }),
    // In memory alone, as long as its chain is written: who can write to Redis cannot sign there.
    auditKey: passingAuditKey(),
    orderKey: options.orderKey,
    opinions: new RedisOpinions(redis),
    policies: new RedisPolicies(redis),
    users: redisUsers(redis, log),
    sessions: new RedisSessions(redis),
    endedSessions: redisEndedSessions(redis, log),
    tokens: redisTokens(redis, log),
    tokenUses: new RedisTokenUses(redis),
    limiters: redisLimiters(redis),
    secret: options.secret,
    deployment: await redisDeploymentId(redis, newDeploymentId()),
    disk: async () => undefined,
    close: () => {},
  }
}

/** The accounts in Redis, for as long as `act` takes. */
export async function withRedisUsers<T>(
  url: string,
  act: (users: SharedRows<StoredUser>) => Promise<T>,
): Promise<T> {
  const redis = await RedisServer.open(url, quiet)
  try {
    return await act(redisUsers(redis, quiet))
  } finally {
    await redis.close()
  }
}

/** What goes wrong is thrown. */
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }
