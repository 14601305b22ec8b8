import { describe, expect, test } from 'vitest'
import { RedisOpinions } from '../../../src/server/analysis/cache.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import type { AiProcessing } from '../../../src/shared/analysis/analysis.js'
import { calm } from '../../support/model.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const opinion = (purpose: string): AiProcessing => ({ ...calm, enrichment: { ...calm.enrichment, purpose } })

describe.skipIf(needs('redis-server'))('opinions in Redis', () => {
  test('are shared, and the oldest are removed first, except for renewed ones', async () => {
    await using redis = await RedisProcess.start()
    const servers = [await RedisServer.open(redis.url, silent), await RedisServer.open(redis.url, silent)]
    const [one, other] = servers.map((server) => new RedisOpinions(server, 3))
    for (const key of ['a', 'b', 'c', 'a']) await one?.put(key, opinion(key))
    expect(await other?.get('a')).toEqual(opinion('a'))
    await other?.put('d', opinion('d'))
    const kept = await Promise.all(['a', 'b', 'c', 'd'].map((key) => one?.get(key)))
    expect(kept.map((opinion) => opinion?.enrichment.purpose)).toEqual(['a', undefined, 'c', 'd'])
    for (const server of servers) await server.close()
  })
})
