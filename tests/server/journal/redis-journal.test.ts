import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Journal } from '../../../src/server/journal/journal.js'
import type { Draft, Entry } from '../../../src/server/journal/port.js'
import { encode } from '../../../src/server/journal/redis/form.redis.js'
import { RedisJournal } from '../../../src/server/journal/redis/journal.redis.js'
import { applyDrafts, newState } from '../../../src/server/journal/state.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import {
  back,
  journalSuite,
  newCommand,
  output,
  readAll,
  result,
  type StoreUnderTest,
} from '../../suites/journal-suite.js'
import { until } from '../../support/processes.js'
import { RedisClusterProcesses, RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

describe.skipIf(needs('redis-server'))('a journal in Redis', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await RedisProcess.start()
  })
  afterAll(() => redis[Symbol.asyncDispose]())

  journalSuite('Redis', async () => {
    using client = redis.client()
    await client.flushall()
    return stores(redis.url)
  })

  test('reads the limits of an open command of an earlier version from its order', async () => {
    await using under = await stores(redis.url)
    using client = redis.client()
    await under.store.create(newCommand('of-before'))
    const keys = await client.keys('*of-before*')
    for (const key of keys)
      if ((await client.type(key)) === 'hash') await client.hdel(key, 'exp', 'max', 'req')
    const store = await under.reopen()
    expect(await store.state('of-before')).toMatchObject({ max_output_bytes: 1000, request_hash: undefined })
    expect(await store.order('of-before')).toMatchObject({ max_output_bytes: 1000 })
  })

  test('places drafts by a script with the same rules as the core', async () => {
    await using under = await stores(redis.url)
    let count = 0
    const number = fc.option(fc.integer({ min: 1, max: 6 }), { nil: undefined })
    const draft = fc.record({
      event: fc.constantFrom(...someEvents),
      report: number,
      unlessEnded: fc.boolean(),
      ifLast: fc.option(fc.integer({ min: 1, max: 8 }), { nil: undefined }),
    })
    const batches = fc.array(fc.array(draft, { maxLength: 4 }), { minLength: 1, maxLength: 5 })
    const law = fc.asyncProperty(batches, async (all) => {
      count += 1
      const command = newCommand(`law-${count}`)
      const { command_id } = command.record
      await under.store.create(command)
      let state = newState(command)
      const told: Entry[] = [{ seq: 1, report: undefined, event: command.event }]
      for (const drafts of all as Draft[][]) {
        const expected = applyDrafts(state, drafts)
        const appended = await under.store.append(command_id, drafts)
        expect(appended?.entries).toEqual(expected.entries)
        expect(appended?.state).toEqual(expected.state)
        state = expected.state
        told.push(...expected.entries)
      }
      const other = await under.reopen()
      expect(await other.state(command_id)).toEqual(state)
      expect((await readAll(other, command_id)).map(plain)).toEqual(told.map(plain))
      await other.close()
    })
    await fc.assert(law, { numRuns: 100 })
  })

  test('has one order when many controllers append at once, and shows it to every follower', async () => {
    await using under = await stores(redis.url)
    const command_id = 'shared-1'
    const controllers = [under.store, await under.reopen(), await under.reopen()].map(
      (store) => new Journal(store),
    )
    const [first] = controllers
    await first?.create(newCommand(command_id))
    const follow = async (journal: Journal) => {
      const seen: string[] = []
      for await (const entry of journal.follow(command_id, 1, { signal: new AbortController().signal }))
        seen.push(plain(entry))
      return seen
    }
    const followers = controllers.map(follow)
    const asked = (by: string): Draft => ({
      event: {
        type: 'command_progress',
        state: 'cancel_requested',
        command_id,
        requested_by: by,
        timestamp: new Date().toISOString(),
      },
    })
    await Promise.all(
      controllers.flatMap((journal, n) =>
        Array.from({ length: 20 }, (_, at) => journal.append(command_id, [asked(`${n}-${at}`)])),
      ),
    )
    await first?.append(command_id, [{ report: 1, event: result(command_id, 'success') }])
    const [one, ...others] = await Promise.all(followers)
    expect(one).toHaveLength(62)
    for (const other of others) expect(other).toEqual(one)
  })

  test('lets one of two controllers create a command when both are asked for its id', async () => {
    await using under = await stores(redis.url)
    const both = await Promise.all(
      [under.store, await under.reopen()].map((store) => store.create(newCommand('twice'))),
    )
    expect(both.map(({ created }) => created).sort()).toEqual([false, true])
  })

  test('expires an ended command when its retention is over, and its entries in the lists too', async () => {
    await using under = await stores(redis.url, 50)
    const { created_at } = newCommand('gone').record
    await under.store.create(newCommand('gone'))
    await under.store.append('gone', [{ report: 1, event: result('gone', 'success') }])
    await until('it is gone', async () => (await under.store.state('gone')) === undefined)
    expect(
      (await under.store.list({ limit: 200, agent_id: 'a1' })).commands.map(({ command_id }) => command_id),
    ).not.toContain('gone')
    await under.store.prune(new Date(Date.parse(created_at) + 1).toISOString())
    using client = redis.client()
    for (const key of await client.keys('ogent:{index}*'))
      expect(await client.call('zrange', key, 0, -1), key).not.toContainEqual(expect.stringContaining('gone'))
  })
})

/** An entry as one text: bytes are bytes, in whatever array they come. */
function plain({ seq, report, event }: Entry): string {
  const bytes = encode(event)
  return `${seq} ${report} ${typeof bytes === 'string' ? bytes : bytes.toString('latin1')}`
}

const someEvents = [
  output('x', 0, Buffer.from([0, 255, 10])),
  back('x'),
  { ...back('x'), state: 'agent_lost' },
  result('x', 'success'),
  result('x', 'lost'),
  {
    type: 'command_progress',
    command_id: 'x',
    state: 'started',
    execution_type: 'local',
    target: 'a1',
    timestamp: '2026-01-01T00:00:01.000Z',
  },
  {
    type: 'command_progress',
    command_id: 'x',
    state: 'cancel_requested',
    requested_by: 'olga',
    timestamp: '2026-01-01T00:00:01.000Z',
  },
]

describe.skipIf(needs('redis-server'))('a journal in Redis Cluster', () => {
  let cluster: RedisClusterProcesses
  beforeAll(async () => {
    cluster = await RedisClusterProcesses.start()
  })
  afterAll(() => cluster[Symbol.asyncDispose]())

  journalSuite('a cluster of three nodes', async () => {
    await cluster.flush()
    return stores(cluster.url)
  })
})

async function stores(url: string, keepMs = 3600 * 1000): Promise<StoreUnderTest> {
  const all: RedisJournal[] = []
  const reopen = async () => {
    const store = new RedisJournal(await RedisServer.open(url, silent), { keepMs })
    all.push(store)
    return store
  }
  return {
    store: await reopen(),
    reopen,
    async [Symbol.asyncDispose]() {
      for (const store of all) await store.close()
    },
  }
}
