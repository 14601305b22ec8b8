import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { KnownAgent } from '../../../src/server/agents/store.js'
import { Journal } from '../../../src/server/journal/journal.js'
import type { Draft, Entry } from '../../../src/server/journal/port.js'
import { encode } from '../../../src/server/journal/redis/form.redis.js'
import { RedisJournal } from '../../../src/server/journal/redis/journal.redis.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { newCommand, output, readAll, result } from '../../suites/journal-suite.js'
import { actor } from '../../support/actors.js'
import { joinCluster } from '../../support/cluster.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const KEEP_MS = 3600 * 1000
const LONG = { timeout: 120_000 }

/** Everything that controllers wrote, as one text for each entry: bytes are bytes, in whatever array they come. */
function plain({ seq, report, event }: Entry): string {
  const bytes = encode(event)
  return `${seq} ${report} ${typeof bytes === 'string' ? bytes : bytes.toString('latin1')}`
}

const piece = (command_id: string, n: number): Draft => ({
  report: n,
  event: output(command_id, (n - 1) * 4, Buffer.from(`out${n}`)),
})
const cancel = (command_id: string): Draft => ({
  event: {
    type: 'command_progress',
    state: 'cancel_requested',
    command_id,
    requested_by: 'olga',
    timestamp: '2026-01-01T00:00:01.000Z',
  },
})

describe.skipIf(needs('redis-server'))('Redis that comes back without its last writes', () => {
  let redis: RedisProcess
  let a: RedisJournal
  let b: RedisJournal
  const servers: RedisServer[] = []
  const open = async () => {
    const server = await RedisServer.open(redis.url, silent)
    servers.push(server)
    return server
  }

  beforeEach(async () => {
    redis = await RedisProcess.start({ config: ['appendonly yes', 'appendfsync everysec'] })
    a = new RedisJournal(await open(), { keepMs: KEEP_MS })
    b = new RedisJournal(await open(), { keepMs: KEEP_MS })
  })
  afterEach(async () => {
    await Promise.all([a.close(), b.close(), ...servers.splice(0).map((server) => server.close())])
    await redis[Symbol.asyncDispose]()
  })

  /** What a controller that has nothing in memory reads. */
  async function stored(command_id: string): Promise<string[]> {
    const fresh = new RedisJournal(await open(), { keepMs: KEEP_MS })
    return (await readAll(fresh, command_id)).map(plain)
  }

  test.each(['nothing', 'its creation', 'its creation and two reports'])(
    'gets back each event of a command at its place when its file had %s',
    LONG,
    async (kept) => {
      const id = 'c1'
      if (kept === 'nothing') await redis.mark()
      await a.create(newCommand(id))
      if (kept === 'its creation') await redis.mark()
      await a.append(id, [piece(id, 1), piece(id, 2)])
      if (kept === 'its creation and two reports') await redis.mark()
      await a.append(id, [piece(id, 3)])
      await b.state(id)
      // Of another controller, in between: each gives what it wrote itself.
      await b.append(id, [cancel(id)])
      await a.append(id, [piece(id, 4)])
      await a.append(id, [{ report: 5, event: result(id, 'success') }])
      const told = await stored(id)
      expect(told).toHaveLength(7)
      await redis.loseSince()
      await until('all of it is there again', async () => (await stored(id)).length === told.length)
      expect(await stored(id)).toEqual(told)
      const other = new RedisJournal(await open(), { keepMs: KEEP_MS })
      expect(await other.state(id)).toMatchObject({
        last_seq: 7,
        last_report: 5,
        result_seq: 7,
        cancel_requested_by: 'olga',
      })
      expect(await other.order(id)).toBeUndefined()
      expect((await other.list({ limit: 10 })).commands.map(({ command_id }) => command_id)).toEqual([id])
      await until('no index calls it open', async () => (await other.openIds()).length === 0)
    },
  )

  test('gets back an open command among the open ones', LONG, async () => {
    await redis.mark()
    await a.create(newCommand('c1'))
    await a.append('c1', [piece('c1', 1)])
    await redis.loseSince()
    expect(await a.order('c1')).toMatchObject({ command: 'true' })
    await until('it is open', async () => (await b.openIds()).some(({ command_id }) => command_id === 'c1'))
    expect(await b.order('c1')).toMatchObject({ command: 'true' })
    expect(await b.state('c1')).toMatchObject({ last_seq: 2, last_report: 1 })
  })

  test('gets appends that were pending when it died after what it lost, in order', LONG, async () => {
    const id = 'c1'
    await a.create(newCommand(id))
    await redis.mark()
    await a.append(id, [piece(id, 1), piece(id, 2)])
    let late: Promise<unknown>[] = []
    await redis.loseSince(async () => {
      late = [3, 4, 5].map((n) => a.append(id, [piece(id, n)]))
      late.push(a.append(id, [{ report: 6, event: result(id, 'success') }]))
    })
    for (const appended of await Promise.all(late)) expect(appended).toMatchObject({ entries: [{}] })
    const reports = (await stored(id)).map((entry) => entry.split(' ')[1])
    expect(reports).toEqual(['undefined', '1', '2', '3', '4', '5', '6'])
  })

  test('may lose the same again before it has got back all of it', LONG, async () => {
    const id = 'c1'
    await redis.mark()
    await a.create(newCommand(id))
    for (let n = 1; n <= 20; n++) await a.append(id, [piece(id, n)])
    const told = await stored(id)
    await redis.loseSince()
    await redis.loseSince()
    await until('it is there', async () => (await stored(id)).length > 0)
    await redis.loseSince()
    await a.append(id, [{ report: 21, event: result(id, 'success') }])
    expect((await stored(id)).slice(0, -1)).toEqual(told)
  })

  test('shows followers at all controllers the rest once, without an error', LONG, async () => {
    const id = 'c1'
    const journals = [new Journal(a), new Journal(b)]
    await redis.mark()
    await journals[0]?.create(newCommand(id))
    const seen: string[][] = [[], []]
    const followers = journals.map(async (journal, at) => {
      const signal = AbortSignal.timeout(60_000)
      for await (const entry of journal.follow(id, 1, { signal })) seen[at]?.push(plain(entry))
    })
    await journals[0]?.append(id, [piece(id, 1), piece(id, 2)])
    await until('both have seen all', () => seen.every((entries) => entries.length === 3))
    await redis.loseSince()
    await journals[0]?.append(id, [piece(id, 3)])
    await journals[0]?.append(id, [{ report: 4, event: result(id, 'success') }])
    await Promise.all(followers)
    const told = await stored(id)
    expect(told).toHaveLength(5)
    expect(seen).toEqual([told, told])
  })

  test('gets back which keys and agents were released, and who attends to a command', LONG, async () => {
    const [mine, other] = [await joinCluster(await open()), await joinCluster(await open())]
    const known = agentOf('a1')
    await mine.directory.take(known, 'instance-1', actor('agents', 'agent'))
    await mine.store.acquire('a2')
    await redis.mark()
    await mine.directory.leave(known, 'sid-1')
    await mine.store.release('a2')
    await mine.attendance.attend('c1')
    await redis.loseSince()
    await until('the subscriber counts', async () => (await other.attendance.count('c1')) === 1)
    await until('the agent is away', async () => await mine.store.ownsIdle('a1'))
    await until('the other may own', async () => (await other.store.acquire('a2')).by !== 'there')
  })
})

function agentOf(agent_id: string): KnownAgent {
  const time = '2026-01-01T00:00:00.000Z'
  return {
    agent: {
      sid: 'sid-1',
      agent_id,
      connected_at: time,
      status: 'connected',
      hostname: 'host',
      labels: {},
      assigned_labels: {},
      identity: null,
      last_seen_at: time,
      agent_info: {
        platform: 'Linux',
        version: '6.1',
        python: null,
        node: '22.0.0',
        ssh_enabled: false,
        ssh_target: null,
        hostname: 'host',
        arch: 'x64',
        agent_version: '1.0.0',
        max_concurrent_commands: 1,
      },
      protocol: 2,
      features: [],
    },
    owner: 'agents',
    machine: undefined,
  }
}
