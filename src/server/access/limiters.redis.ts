import { RateLimiterRedis, RLWrapperTimeouts } from 'rate-limiter-flexible'
import { limiterPrefix } from '../storage/redis/keys.js'
import type { RedisServer } from '../storage/redis/server.redis.js'
import { memoryCounter, StoredLimiter } from '../transport/limits/rate-limiter.js'
import type { OpenLimiter } from './ports.js'

/** How long a login waits for Redis to count, in ms. A Redis that is slower than that is as good as away. */
const PATIENCE_MS = 1000

/** Limiters that all controllers of a Redis share. While it is away, each controller counts in its own memory. */
export function redisLimiters(redis: RedisServer): OpenLimiter {
  return (options) => {
    const { name, points, seconds } = options
    const memory = memoryCounter(options)
    const shared = new RateLimiterRedis({
      storeClient: redis.client,
      keyPrefix: limiterPrefix(name),
      points,
      duration: seconds,
      rejectIfRedisNotReady: true,
    })
    const counter = new RLWrapperTimeouts({
      limiter: shared,
      timeoutMs: PATIENCE_MS,
      insuranceLimiter: memory,
    })
    return new StoredLimiter(options, counter, memory)
  }
}
