import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { redisLimiters } from '../../../src/server/access/limiters.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { memoryLimiter } from '../../../src/server/transport/limits/rate-limiter.js'
import { limiterSuite } from '../../suites/limiter-suite.js'
import { RedisClusterProcesses, RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const options = { name: 'guesses', points: 3, seconds: 60 }

limiterSuite('in memory', async () => memoryLimiter)

test('limiters in memory forget the key that was used longest ago when there are too many', async () => {
  const limiter = memoryLimiter(options)
  await limiter.exhaust('first')
  await limiter.exhaust('second')
  for (let at = 0; at < 9_999; at++) await limiter.take(`key-${at}`)
  expect(await limiter.get('first')).toEqual({ remaining: 3, resetMs: 0 })
  expect(await limiter.get('second')).toMatchObject({ remaining: 0 })
})

describe.skipIf(needs('redis-server'))('with a Redis', () => {
  let redis: RedisProcess
  let server: RedisServer
  beforeAll(async () => {
    redis = await RedisProcess.start()
    server = await RedisServer.open(redis.url, silent)
  })
  afterAll(async () => {
    await server.close()
    await redis[Symbol.asyncDispose]()
  })

  limiterSuite('on Redis', async () => {
    using client = redis.client()
    await client.flushall()
    return redisLimiters(server)
  })

  test('limiters of two connections count together', async () => {
    const other = await RedisServer.open(redis.url, silent)
    try {
      const [here, there] = [redisLimiters(server)(options), redisLimiters(other)(options)]
      expect(await here.take('shared')).toMatchObject({ remaining: 2 })
      expect(await there.take('shared')).toMatchObject({ remaining: 1 })
      await here.exhaust('shared')
      expect(await there.get('shared')).toMatchObject({ remaining: 0 })
      await there.clear('shared')
      expect(await there.take('shared')).toMatchObject({ remaining: 2 })
    } finally {
      await other.close()
    }
  })

  test('every key of theirs is one of Ogent, and expires', async () => {
    using client = redis.client()
    await client.flushall()
    const limiter = redisLimiters(server)(options)
    await limiter.take('taken')
    await limiter.exhaust('exhausted')
    await limiter.giveBack('given')
    const keys = await client.keys('*')
    expect(keys.sort()).toEqual(['exhausted', 'given', 'taken'].map((key) => `ogent:{logins}:guesses:${key}`))
    for (const key of keys) expect(await client.ttl(key), key).toBeGreaterThan(0)
  })
})

describe.skipIf(needs('redis-server'))('a limiter whose Redis', () => {
  async function open(run: (redis: RedisProcess, server: RedisServer) => Promise<void>): Promise<void> {
    await using redis = await RedisProcess.start()
    const server = await RedisServer.open(redis.url, silent)
    try {
      await run(redis, server)
    } finally {
      await server.close()
    }
  }

  test('is away counts in memory, which holds as well once it is back', () =>
    open(async (redis, server) => {
      const limiter = redisLimiters(server)(options)
      await limiter.take('a')
      await redis.end()
      for (const allowed of [true, true, true, false]) {
        expect(await limiter.take('a')).toMatchObject({ allowed })
      }
      expect(await limiter.get('a')).toMatchObject({ remaining: 0 })
      await redis.begin()
      await server.patiently(() => server.call('ping'))
      expect(await limiter.get('a')).toMatchObject({ remaining: 0 })
      await limiter.clear('a')
      expect(await limiter.take('a')).toMatchObject({ allowed: true, remaining: 2 })
    }))

  test('does not answer counts in memory', () =>
    open(async (redis, server) => {
      const limiter = redisLimiters(server)(options)
      redis.signal('SIGSTOP')
      const taken = await Promise.all(Array.from({ length: 5 }, () => limiter.take('a')))
      expect(taken.map(({ allowed }) => allowed)).toEqual([true, true, true, false, false])
      expect(await limiter.get('a')).toMatchObject({ remaining: 0 })
      redis.signal('SIGCONT')
    }))

  test('is full counts in memory, though it can be read', () =>
    open(async (redis, server) => {
      const limiter = redisLimiters(server)(options)
      await limiter.take('a')
      using client = redis.client()
      await client.config('SET', 'maxmemory', '1')
      for (const allowed of [true, true, true, false]) {
        expect(await limiter.take('a')).toMatchObject({ allowed })
      }
      expect(await limiter.get('a')).toMatchObject({ remaining: 0 })
    }))
})

describe.skipIf(needs('redis-server'))('with a cluster of Redis', () => {
  let cluster: RedisClusterProcesses
  let server: RedisServer
  beforeAll(async () => {
    cluster = await RedisClusterProcesses.start()
    server = await RedisServer.open(cluster.url, silent)
  })
  afterAll(async () => {
    await server.close()
    await cluster[Symbol.asyncDispose]()
  })

  limiterSuite('on the cluster', async () => {
    await cluster.flush()
    return redisLimiters(server)
  })
})
