import { redisDeploymentId } from './adapters/redis-deployment.js'
import { RedisFleet } from './adapters/redis-fleet.js'
import { RedisJournal } from './adapters/redis-journal.js'
import { RedisOpinions } from './adapters/redis-opinions.js'
import { RedisServer } from './adapters/redis-server.js'
import { RedisUsers } from './adapters/redis-users.js'
import type { Log } from './core/ports.js'
import { newDeploymentId } from './secrets.js'
import type { Storage } from './storage.js'

export type RedisStorageOptions = {
  url: string
  secret: string
  retentionHours: number
  log: Log
  /** Whether this controller has an agent's link. */
  isHere: (agent_id: string) => boolean
}

/** A controller's part in a Redis that it shares with others. */
export async function openRedisStorage(options: RedisStorageOptions): Promise<Storage> {
  const { log, isHere } = options
  const redis = await RedisServer.open(options.url, log)
  const journal = new RedisJournal(redis, { keepMs: options.retentionHours * 3600 * 1000, isHere, log })
  const fleet = new RedisFleet(redis, log)
  return {
    name: 'redis',
    journal,
    agents: fleet,
    opinions: new RedisOpinions(redis),
    users: new RedisUsers(redis),
    secret: options.secret,
    deployment: await redisDeploymentId(redis, newDeploymentId()),
    shared: {
      fleet,
      openIds: () => journal.openIds(),
      onReady: (listener) => redis.onReady(listener),
      onSetBack: (listener) => {
        journal.onSetBack = listener
      },
    },
    close: () => {},
  }
}

/** The accounts in Redis, for as long as `act` takes. */
export async function withRedisUsers<T>(url: string, act: (users: RedisUsers) => Promise<T>): Promise<T> {
  const redis = await RedisServer.open(url, quiet)
  try {
    return await act(new RedisUsers(redis))
  } finally {
    await redis.close()
  }
}

/** What goes wrong is thrown. */
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }
