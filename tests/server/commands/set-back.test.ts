import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AgentLink } from '../../../src/server/agents/connection.js'
import { Reports } from '../../../src/server/commands/intake/reports.js'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import type { JournalStore } from '../../../src/server/journal/port.js'
import { RedisJournal } from '../../../src/server/journal/redis/journal.redis.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import { commandKeys } from '../../../src/server/storage/redis/keys.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import type { Report } from '../../../src/shared/link/protocol.js'
import { newCommand } from '../../suites/journal-suite.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const events = strictEvents()
const timestamp = '2026-01-01T00:00:01.000Z'

function takerOf(store: JournalStore) {
  const journal = new Journal(store)
  const reports = new Reports({ journal, maxResultOutputBytes: 1000, events, log: silent })
  const link = new AgentLink('a1', 'instance-1')
  return { journal, accept: (...sent: Report[]) => reports.accept(link, sent) }
}

const started = (command_id: string): Report => ({
  kind: 'started',
  command_id,
  n: 1,
  timestamp,
  execution_type: 'local',
  target: 'a1',
})
const letter = (command_id: string, n: number): Report => {
  const data = Buffer.from(String.fromCharCode(97 + ((n - 2) % 26)))
  return { kind: 'output', command_id, n, timestamp, stream: 'stdout', offset: n - 2, data }
}

function laws(open: () => Promise<JournalStore>) {
  test('refuses reports when earlier ones are missing, so that their agent opens a new link', async () => {
    const taker = takerOf(await open())
    const id = 'gap-1'
    await taker.journal.create(newCommand(id))
    expect(await taker.accept(started(id), letter(id, 2))).toEqual([{ command_id: id, stored: 2 }])
    await expect(taker.accept(letter(id, 4))).rejects.toMatchObject({ code: 'CONNECTION_LOST' })
    // What comes in order is taken, as after a new hello.
    expect(await taker.accept(letter(id, 3), letter(id, 4))).toEqual([{ command_id: id, stored: 4 }])
    expect((await taker.journal.state(id))?.last_seq).toBe(5)
  })

  test('accepts messages that follow each other at once', async () => {
    const taker = takerOf(await open())
    const id = 'row-1'
    await taker.journal.create(newCommand(id))
    const sent = [started(id), ...Array.from({ length: 60 }, (_, at) => letter(id, at + 2))]
    const receipts = await Promise.all(sent.map((report) => taker.accept(report)))
    expect(receipts.map(([receipt]) => receipt?.stored)).toEqual(sent.map(({ n }) => n))
  })
}

describe('the intake of reports on the embedded store', () => {
  const folder = temporaryFolder('ogent-set-back-')
  let opened = 0
  const journals: LmdbJournal[] = []
  afterAll(async () => {
    await Promise.all(journals.map((journal) => journal.close()))
    folder[Symbol.dispose]()
  })

  laws(async () => {
    opened += 1
    const journal = new LmdbJournal(new LmdbFolder(join(folder.path, String(opened)), silent))
    journals.push(journal)
    return journal
  })
})

describe.skipIf(needs('redis-server'))('the intake of reports on Redis', () => {
  let redis: RedisProcess
  const journals: RedisJournal[] = []
  const open = async () => {
    const journal = new RedisJournal(await RedisServer.open(redis.url, silent), { keepMs: 3600_000 })
    journals.push(journal)
    return journal
  }
  beforeAll(async () => {
    redis = await RedisProcess.start()
  })
  afterAll(async () => {
    await Promise.all(journals.map((journal) => journal.close()))
    await redis[Symbol.asyncDispose]()
  })

  laws(open)

  test('restores what a failover lost when the connection survived it', async () => {
    const taker = takerOf(await open())
    const id = 'moved-1'
    await taker.journal.create(newCommand(id))
    await taker.accept(started(id), letter(id, 2))
    using client = redis.client()
    const before = await Promise.all(commandKeys(id).map((key) => client.dumpBuffer(key)))
    await taker.accept(letter(id, 3))
    await taker.accept(letter(id, 4))
    for (const [at, key] of commandKeys(id).entries()) {
      await client.call('restore', key, 0, before[at] ?? '', 'REPLACE')
    }
    expect(await client.hget(commandKeys(id)[0], 'report')).toBe('2')
    expect(await taker.accept(letter(id, 5))).toEqual([{ command_id: id, stored: 5 }])
    const text: string[] = []
    for await (const { event } of takerOf(await open()).journal.upTo(id, 6)) {
      if ('data' in event) text.push(Buffer.from(event.data).toString())
    }
    expect(text.join('')).toBe('abcd')
  })
})
