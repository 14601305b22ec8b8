import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { AgentLink } from '../../../src/server/agents/connection.js'
import { CommandExpiry } from '../../../src/server/commands/dispatch/expiry.js'
import { OpenCommands } from '../../../src/server/commands/dispatch/open-commands.js'
import { Reports } from '../../../src/server/commands/intake/reports.js'
import { Journal } from '../../../src/server/journal/journal.js'
import { LmdbJournal } from '../../../src/server/journal/lmdb/journal.lmdb.js'
import type { JournalStore } from '../../../src/server/journal/port.js'
import { RedisJournal } from '../../../src/server/journal/redis/journal.redis.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import type { RawCommandResult, RawResultEvent } from '../../../src/shared/commands/event.js'
import type { Report } from '../../../src/shared/link/protocol.js'
import { shownOf } from '../../faults/truth.js'
import { newCommand } from '../../suites/journal-suite.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const events = strictEvents()

/** The part of a controller that takes reports and ends commands, on a store of its own. */
class Writer {
  readonly journal: Journal
  readonly reports: Reports
  readonly #link = new AgentLink('a1', 'instance-1')
  readonly #verdicts: CommandExpiry
  readonly #open = new OpenCommands()

  constructor(store: JournalStore, limit: number) {
    this.journal = new Journal(store)
    this.reports = new Reports({ journal: this.journal, maxResultOutputBytes: limit, events, log: silent })
    this.#verdicts = new CommandExpiry({
      journal: this.journal,
      reports: this.reports,
      log: silent,
      events,
      graceMs: 1000,
      open: this.#open,
      isOffline: async () => true,
    })
  }

  /** As at the first word of an agent on a new link. */
  async welcome(command_id: string): Promise<void> {
    const state = await this.journal.getState(command_id)
    if (state.result_seq === undefined && !state.away) return
    await this.#verdicts.note(command_id, 'agent_back')
  }

  accept(...reports: Report[]) {
    return this.reports.accept(this.#link, reports)
  }

  async lose(command_id: string): Promise<void> {
    const open = this.#open.add(await this.journal.getState(command_id))
    await this.#verdicts.end(open, 'lost', 'The agent stayed away.', async () => true)
  }

  async result(command_id: string): Promise<RawResultEvent> {
    for await (const { event } of this.journal.follow(command_id, 1, {
      signal: AbortSignal.timeout(120_000),
    }))
      if (event.type === 'command_result') return event
    throw new Error(`${command_id} has not ended.`)
  }
}

type Piece = { stream: 'stdout' | 'stderr'; text: string }

/** What an agent reports of a command that writes these pieces. */
function reportsOf(command_id: string, pieces: Piece[]) {
  const timestamp = new Date().toISOString()
  const written = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  const reports: Report[] = [
    { kind: 'started', command_id, n: 1, timestamp, execution_type: 'local', target: 'a1' },
  ]
  for (const [at, { stream, text }] of pieces.entries()) {
    const data = Buffer.from(text)
    const offset = written[stream].length
    reports.push({ kind: 'output', command_id, n: at + 2, timestamp, stream, offset, data })
    written[stream] = Buffer.concat([written[stream], data])
  }
  const end: Report = {
    kind: 'result',
    command_id,
    n: pieces.length + 2,
    timestamp,
    status: 'error',
    execution_type: 'local',
    target: 'a1',
    exit_code: 5,
    signal: null,
    reason: null,
    duration_ms: 1,
    stdout_bytes: written.stdout.length,
    stderr_bytes: written.stderr.length,
    stdout_sha256: createHash('sha256').update(written.stdout).digest('hex'),
    stderr_sha256: createHash('sha256').update(written.stderr).digest('hex'),
  }
  return { reports, end, written }
}

function expectShown(result: RawCommandResult, written: { stdout: Buffer; stderr: Buffer }, limit: number) {
  for (const stream of ['stdout', 'stderr'] as const) {
    const { text, bytes, sha256, truncated } = shownOf(written[stream], limit)
    expect(Buffer.from(result[stream]).toString()).toBe(text.toString())
    expect(result[`${stream}_bytes`]).toBe(bytes)
    expect(result[`${stream}_sha256`]).toBe(sha256)
    expect(result[`${stream}_truncated`]).toBe(truncated)
  }
}

const lines: Piece[] = Array.from({ length: 12 }, (_, at) => ({ stream: 'stdout', text: `line ${at + 1}\n` }))
const piece = fc.record({
  stream: fc.constantFrom('stdout' as const, 'stderr' as const),
  text: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
})
/** Who takes the next piece, and whether it comes after a moment of `lost`. */
const step = fc.record({
  at: fc.nat({ max: 1 }),
  piece,
  loses: fc.constantFrom(false, false, false, true),
})
const sequence = fc.record({
  steps: fc.array(step, { maxLength: 14 }),
  maker: fc.nat({ max: 1 }),
  ender: fc.nat({ max: 1 }),
  how: fc.constantFrom('result', 'lost by the agent', 'lost by a controller' as const),
  limit: fc.constantFrom(0, 40, 70, 200, 1024 * 1024),
})

describe.skipIf(needs('redis-server'))('two controllers on one Redis', () => {
  let redis: RedisProcess
  const stores: JournalStore[] = []
  beforeAll(async () => {
    redis = await RedisProcess.start()
    for (let n = 0; n < 2; n++)
      stores.push(new RedisJournal(await RedisServer.open(redis.url, silent), { keepMs: 3600_000 }))
  })
  afterAll(async () => {
    for (const store of stores) await store.close()
    await redis[Symbol.asyncDispose]()
  })

  function writers(limit: number): [Writer, Writer] {
    const [one, other] = stores
    if (!one || !other) throw new Error('Both stores are opened first.')
    return [new Writer(one, limit), new Writer(other, limit)]
  }

  test('show in a result what the other stored after one created the command', async () => {
    const [a, b] = writers(1000)
    const { reports, end, written } = reportsOf('takeover-1', lines)
    await b.journal.create(newCommand('takeover-1'))
    await a.accept(...reports.slice(0, 6))
    await b.welcome('takeover-1')
    await b.accept(...reports.slice(6), end)
    const { status, result } = await b.result('takeover-1')
    expect(status).toBe('error')
    expectShown(result, written, 1000)
  })

  test('count and hash what the other stored when one ends a command as lost', async () => {
    const [a, b] = writers(1000)
    const { reports, written } = reportsOf('takeover-2', lines)
    await b.journal.create(newCommand('takeover-2'))
    await a.accept(...reports)
    await b.lose('takeover-2')
    const { status, result } = await b.result('takeover-2')
    expect(status).toBe('lost')
    expectShown(result, written, 1000)
  })

  test('count the output in a message that then reports the command as lost', async () => {
    const [a, b] = writers(1000)
    const { reports, written } = reportsOf('takeover-3', lines)
    const timestamp = new Date().toISOString()
    await b.journal.create(newCommand('takeover-3'))
    await a.accept(...reports.slice(0, 6))
    await b.welcome('takeover-3')
    const lost = {
      kind: 'lost',
      command_id: 'takeover-3',
      n: reports.length + 1,
      timestamp,
      reason: 'x',
    } as const
    await b.accept(...reports.slice(6), lost)
    const { status, result } = await b.result('takeover-3')
    expect(status).toBe('lost')
    expectShown(result, written, 1000)
  })

  test('show a follower the true end that the other stored over a lost one', async () => {
    const [a, b] = writers(1000)
    const { reports, end, written } = reportsOf('takeover-4', lines)
    await b.journal.create(newCommand('takeover-4'))
    await b.accept(...reports.slice(0, 6))
    await b.lose('takeover-4')
    await a.welcome('takeover-4')
    await a.accept(...reports.slice(6), end)
    const { status, result } = await b.result('takeover-4')
    expect(status).toBe('error')
    expectShown(result, written, 1000)
  })

  test('store the same result for any sequence of who stores which part', async () => {
    let count = 0
    const law = fc.asyncProperty(sequence, async ({ steps, maker, ender, how, limit }) => {
      count += 1
      const command_id = `law-${count}`
      const all = writers(limit)
      const writer = (index: number) => all[index === 0 ? 0 : 1]
      await writer(maker).journal.create(newCommand(command_id))
      const pieces = steps.map(({ piece }) => piece)
      const { reports, end, written } = reportsOf(command_id, pieces)
      const [started, ...outputs] = reports
      if (!started) throw new Error('A command starts.')
      await writer(maker).accept(started)
      let link = maker
      for (const [index, { at, loses }] of steps.entries()) {
        if (loses) await writer(1 - at).lose(command_id)
        if (link !== at || loses) await writer(at).welcome(command_id)
        link = at
        const report = outputs[index]
        if (report) await writer(at).accept(report)
      }
      if (link !== ender) await writer(ender).welcome(command_id)
      const { n, timestamp } = end
      if (how === 'result') await writer(ender).accept(end)
      else if (how === 'lost by a controller') await writer(ender).lose(command_id)
      else await writer(ender).accept({ kind: 'lost', command_id, n, timestamp, reason: 'restarted' })
      for (const { result } of await Promise.all(all.map((each) => each.result(command_id)))) {
        expect(result.exit_code).toBe(how === 'result' ? 5 : null)
        expectShown(result, written, limit)
      }
    })
    await fc.assert(law, { numRuns: 60 })
  }, 300_000)
})

test('a controller with the embedded store has the same result after any sequence of restarts', async () => {
  let count = 0
  const law = fc.asyncProperty(sequence, async ({ steps, how, limit }) => {
    count += 1
    const command_id = `law-${count}`
    using folder = temporaryFolder()
    const start = () => new Writer(new LmdbJournal(new LmdbFolder(folder.path, silent)), limit)
    let writer = start()
    await (await writer.journal.create(newCommand(command_id))).committed
    const { reports, end, written } = reportsOf(
      command_id,
      steps.map(({ piece }) => piece),
    )
    const [started, ...outputs] = reports
    if (!started) throw new Error('A command starts.')
    await writer.accept(started)
    for (const [index, { at, loses }] of steps.entries()) {
      if (at === 1) {
        await writer.journal.close()
        writer = start()
      }
      if (loses) await writer.lose(command_id)
      if (at === 1 || loses) await writer.welcome(command_id)
      const report = outputs[index]
      if (report) await writer.accept(report)
    }
    const { n, timestamp } = end
    if (how === 'result') await writer.accept(end)
    else if (how === 'lost by a controller') await writer.lose(command_id)
    else await writer.accept({ kind: 'lost', command_id, n, timestamp, reason: 'restarted' })
    const { result } = await writer.result(command_id)
    await writer.journal.close()
    expectShown(result, written, limit)
  })
  await fc.assert(law, { numRuns: 15 })
}, 300_000)
