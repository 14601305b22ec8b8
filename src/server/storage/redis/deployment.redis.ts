import { deploymentKey } from './keys.js'
import type { RedisServer } from './server.redis.js'

/** What tells the controllers of this Redis from others: of those that start at once, the first one's `fresh` counts. */
export async function redisDeploymentId(redis: RedisServer, fresh: string): Promise<string> {
  await redis.call('setnx', deploymentKey, fresh)
  return String(await redis.call('get', deploymentKey))
}
