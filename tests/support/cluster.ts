import { RedisDirectory } from '../../src/server/agents/directory.redis.js'
import { RedisAttendance } from '../../src/server/cluster/attendance.redis.js'
import { RedisRelay } from '../../src/server/cluster/relay.redis.js'
import { RedisRepeats } from '../../src/server/cluster/repeats.redis.js'
import { RedisClusterStore } from '../../src/server/cluster/store.redis.js'
import type { RedisServer } from '../../src/server/storage/redis/server.redis.js'
import { newId } from '../../src/shared/id.js'
import { silent } from './system.js'

/** A controller's part in what those that share a Redis agree on; its lease lasts for a minute. */
export async function joinCluster(redis: RedisServer) {
  const member = newId()
  const repeats = new RedisRepeats(redis, silent)
  const store = new RedisClusterStore({ redis, repeats, member })
  await store.renew(60_000)
  return {
    store,
    directory: new RedisDirectory({ redis, repeats, member, log: silent }),
    attendance: new RedisAttendance(redis, member, silent),
    relay: new RedisRelay({ redis, member, log: silent }),
  }
}
