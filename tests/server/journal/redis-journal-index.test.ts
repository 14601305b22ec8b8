import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { RedisJournalIndex } from '../../../src/server/journal/redis/index.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { newCommand } from '../../suites/journal-suite.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

describe.skipIf(needs('redis-server'))('the index of commands in Redis', () => {
  let redis: RedisProcess
  let server: RedisServer
  let index: RedisJournalIndex
  beforeAll(async () => {
    redis = await RedisProcess.start()
    server = await RedisServer.open(redis.url, silent)
    index = new RedisJournalIndex(server)
  })
  afterAll(async () => {
    await server?.close()
    await redis?.[Symbol.asyncDispose]()
  })
  beforeEach(() => server.call('flushall'))

  const add = (id: string, ms: number) =>
    index.add(newCommand(id, { created_at: new Date(ms).toISOString() }).record)

  test('yields each command once while others are created between two pages', async () => {
    for (let n = 0; n < 30; n++) await add(`old-${n}`, 1000 + n)
    const seen: string[] = []
    for await (const page of index.newestFirst(undefined, {}, 4)) {
      seen.push(...page.map(({ id }) => id))
      for (let n = 0; n < 3; n++) await add(`new-${seen.length}-${n}`, 5000 + seen.length)
    }
    expect(seen).toEqual(Array.from({ length: 30 }, (_, n) => `old-${29 - n}`))
  })

  test('yields all commands of the same moment, starting after any of them', async () => {
    const ids = Array.from({ length: 25 }, (_, n) => `c${String(n).padStart(2, '0')}`)
    for (const id of ids) await add(id, 1000)
    await add('before', 999)
    const newest = ['before', ...ids].reverse().filter((id) => id !== 'before')
    for (let behind = -1; behind < newest.length; behind++) {
      const last = newest[behind]
      const from = last === undefined ? undefined : { id: last, time: 1000 }
      const seen: string[] = []
      for await (const page of index.newestFirst('a1', { behind: from }, 4))
        seen.push(...page.map(({ id }) => id))
      expect(seen).toEqual([...newest.slice(behind + 1), 'before'])
    }
  })
})
