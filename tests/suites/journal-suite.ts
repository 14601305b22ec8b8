import { describe, expect, test } from 'vitest'
import { Journal } from '../../src/server/journal/journal.js'
import type { ListQuery } from '../../src/server/journal/page.js'
import type { Draft, Entry, JournalStore, NewCommand } from '../../src/server/journal/port.js'
import type { RawCommandEvent, RawCommandResult } from '../../src/shared/commands/event.js'
import type { CommandRecord } from '../../src/shared/commands/record.js'
import type { CommandStatus } from '../../src/shared/commands/result.js'
import { until } from '../support/processes.js'

/** A store for one test, and what it takes to open it again as another process would. */
export type StoreUnderTest = {
  store: JournalStore
  /** The same data in a store that has nothing in memory. */
  reopen(): Promise<JournalStore>
} & AsyncDisposable

const at = (second: number) => new Date(Date.UTC(2026, 0, 1) + second * 1000).toISOString()

export function newCommand(command_id: string, more: Partial<CommandRecord> = {}): NewCommand {
  const record: CommandRecord = {
    command_id,
    agent_id: 'a1',
    command: 'true',
    status: 'pending',
    requested_by: 'olga',
    execution_target: 'auto',
    execution_type: null,
    target: null,
    exit_code: null,
    signal: null,
    reason: null,
    created_at: at(0),
    started_at: null,
    ended_at: null,
    duration_ms: null,
    stdout_bytes: 0,
    stderr_bytes: 0,
    ...more,
  }
  const { agent_id, command, created_at } = record
  return {
    record,
    order: {
      type: 'execute_command_event',
      command_id,
      command,
      requester_sid: 'olga',
      execution_target: 'auto',
      timeout_seconds: 60,
      max_output_bytes: 1000,
      expires_at: 0,
    },
    on_disconnect: 'continue',
    event: {
      type: 'command_response',
      command_id,
      agent_id,
      command,
      status: 'pending',
      requested_by: 'olga',
      execution_target: 'auto',
      timestamp: created_at,
    },
  }
}

export function output(command_id: string, offset: number, data: Uint8Array): RawCommandEvent {
  const bytes = data.length
  return {
    type: 'command_progress',
    command_id,
    state: 'output',
    stream: 'stdout',
    data,
    offset,
    bytes,
    timestamp: at(1),
  }
}

export function result(command_id: string, status: CommandStatus, second = 2): RawCommandEvent {
  const raw: RawCommandResult = {
    command: 'true',
    execution_type: 'local',
    target: 'a1',
    exit_code: status === 'success' ? 0 : null,
    signal: null,
    reason: null,
    duration_ms: 1,
    stdout: Buffer.from([0xff, 0]),
    stderr: new Uint8Array(0),
    stdout_bytes: 2,
    stderr_bytes: 0,
    stdout_sha256: 'a',
    stderr_sha256: 'b',
    stdout_truncated: false,
    stderr_truncated: false,
    timestamp: at(second),
  }
  return {
    type: 'command_result',
    command_id,
    agent_id: 'a1',
    command: 'true',
    status,
    result: raw,
    timestamp: at(second),
  }
}

export function back(command_id: string): RawCommandEvent {
  return { type: 'command_progress', command_id, state: 'agent_back', timestamp: at(3) }
}

/** The ids on all pages of a query. */
async function listAll(store: JournalStore, query: ListQuery): Promise<string[]> {
  const ids: string[] = []
  for (let { cursor } = query, more = true; more; more = cursor !== undefined) {
    const page = await store.list({ ...query, cursor })
    expect(page.commands.length).toBeLessThanOrEqual(query.limit)
    ids.push(...page.commands.map(({ command_id }) => command_id))
    cursor = page.next_cursor ?? undefined
  }
  return ids
}

export async function readAll(store: JournalStore, command_id: string): Promise<Entry[]> {
  const all: Entry[] = []
  while (true) {
    const page = await store.read(command_id, (all.at(-1)?.seq ?? 0) + 1, 64 * 1024)
    if (page.length === 0) return all
    all.push(...page)
  }
}

async function add(store: JournalStore, command_id: string, drafts: Draft[]) {
  const appended = await store.append(command_id, drafts)
  if (!appended) throw new Error(`${command_id} is not known`)
  await appended.committed
  return appended
}

async function create(store: JournalStore, command: NewCommand) {
  const made = await store.create(command)
  await made.committed
  return made
}

/** What every store behind the journal must do. */
export function journalSuite(name: string, open: () => Promise<StoreUnderTest>): void {
  describe(`the journal in ${name}`, () => {
    test('creates a new command with its first entry, and returns the existing one when the id comes again', async () => {
      await using under = await open()
      const made = await create(under.store, newCommand('c1'))
      expect(made).toMatchObject({
        created: true,
        state: { last_seq: 1, last_report: 0, result_seq: undefined },
      })
      const again = await create(under.store, newCommand('c1', { command: 'other' }))
      expect(again).toMatchObject({ created: false, state: { record: { command: 'true' } } })
      expect(await readAll(under.store, 'c1')).toHaveLength(1)
    })

    test('does not know a command that was never created', async () => {
      await using under = await open()
      expect(await under.store.state('nobody')).toBeUndefined()
      expect(await under.store.append('nobody', [{ event: back('nobody') }])).toBeUndefined()
      expect(await readAll(under.store, 'nobody')).toEqual([])
    })

    test('drops reports that it has, and all that come after a missing one', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const draft = (report: number): Draft => ({
        report,
        event: output('c1', report, Buffer.from([report])),
      })
      await add(under.store, 'c1', [draft(1), draft(2)])
      await add(under.store, 'c1', [draft(1), draft(2), draft(3)])
      const { state, entries } = await add(under.store, 'c1', [draft(5), draft(6)])
      expect(entries).toEqual([])
      expect(state).toMatchObject({ last_seq: 4, last_report: 3 })
      await add(under.store, 'c1', [draft(4), draft(5)])
      const all = await readAll(under.store, 'c1')
      expect(all.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6])
      expect(all.map(({ report }) => report)).toEqual([undefined, 1, 2, 3, 4, 5])
    })

    test('keeps bytes unchanged, also for a later process', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const data = Buffer.from(Array.from({ length: 70_000 }, (_, index) => index % 256))
      await add(under.store, 'c1', [{ report: 1, event: output('c1', 0, data) }])
      await add(under.store, 'c1', [{ report: 2, event: result('c1', 'success') }])
      const store = await under.reopen()
      const [, chunk, end] = await readAll(store, 'c1')
      expect(chunk?.event).toMatchObject({ state: 'output', bytes: 70_000 })
      expect(chunk && 'data' in chunk.event && Buffer.from(chunk.event.data).equals(data)).toBe(true)
      expect(end?.event.type === 'command_result' && [...end.event.result.stdout]).toEqual([0xff, 0])
    })

    test('folds events into the record and drops the order at the end', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const started = {
        type: 'command_progress',
        command_id: 'c1',
        state: 'started',
        timestamp: at(1),
      } as const
      const { state } = await add(under.store, 'c1', [
        { report: 1, event: { ...started, execution_type: 'local', target: 'a1' } },
      ])
      expect(state).toMatchObject({
        record: { status: 'running', started_at: at(1) },
      })
      expect(await under.store.order('c1')).toEqual(newCommand('c1').order)
      await add(under.store, 'c1', [{ report: 2, event: result('c1', 'success') }])
      const store = await under.reopen()
      const ended = await store.state('c1')
      expect(await store.order('c1')).toBeUndefined()
      expect(ended).toMatchObject({
        record: { status: 'success', exit_code: 0, ended_at: at(2) },
        result_seq: 3,
        last_report: 2,
        last_seq: 3,
      })
    })

    test('adds no guess after a result, and replaces lost by a late true end', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      await add(under.store, 'c1', [{ event: result('c1', 'lost'), unlessEnded: true }])
      const twice = await add(under.store, 'c1', [{ event: result('c1', 'lost'), unlessEnded: true }])
      expect(twice.entries).toEqual([])
      const revived = await add(under.store, 'c1', [{ event: back('c1') }])
      expect(revived.state).toMatchObject({
        result_seq: undefined,
        record: { status: 'pending', ended_at: null },
      })
      await add(under.store, 'c1', [{ report: 1, event: result('c1', 'success') }])
      expect(await (await under.reopen()).state('c1')).toMatchObject({
        result_seq: 4,
        record: { status: 'success' },
      })
    })

    test('rejects a conditional end when there are reports that it does not know of', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      await add(under.store, 'c1', [{ report: 1, event: output('c1', 0, Buffer.from('x')) }])
      const late = await add(under.store, 'c1', [
        { event: result('c1', 'lost'), unlessEnded: true, ifLast: 1 },
      ])
      expect(late.entries).toEqual([])
      const timely = await add(under.store, 'c1', [{ event: result('c1', 'lost'), ifLast: 2 }])
      expect(timely).toMatchObject({ state: { result_seq: 3, record: { status: 'lost' } } })
    })

    test('remembers whether the agent was last reported as offline, also for a later process', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const lost: RawCommandEvent = { ...back('c1'), state: 'agent_lost' } as RawCommandEvent
      expect((await add(under.store, 'c1', [{ event: lost }])).state.away).toBe(true)
      expect((await (await under.reopen()).state('c1'))?.away).toBe(true)
      const store = await under.reopen()
      await add(store, 'c1', [{ event: back('c1') }])
      expect((await store.state('c1'))?.away).toBe(false)
    })

    test('keeps an order, its limits and the hash of its request for a later process', async () => {
      await using under = await open()
      const command = newCommand('c1')
      const order = { ...command.order, stdin: 'x'.repeat(100_000), expires_at: 17.5, max_output_bytes: 77 }
      await create(under.store, { ...command, order, request_hash: 'abc' })
      expect(await under.store.order('nobody')).toBeUndefined()
      for (const openStore of [async () => under.store, () => under.reopen()]) {
        const store = await openStore()
        expect(await store.order('c1')).toEqual(order)
        expect(await store.state('c1')).toMatchObject({
          expires_at: 17.5,
          max_output_bytes: 77,
          request_hash: 'abc',
        })
      }
    })

    test('says which commands of a list are still open', async () => {
      await using under = await open()
      for (const id of ['c1', 'c2', 'c3']) await create(under.store, newCommand(id))
      await add(under.store, 'c2', [{ report: 1, event: result('c2', 'success') }])
      const asked = ['c1', 'c2', 'c3', 'nobody'].map((command_id) => ({ agent_id: 'a1', command_id }))
      const isOpen = async () => (await under.store.stillOpen(asked)).sort().join()
      // Redis takes an ended one off its index a moment later.
      await until('two are open', async () => (await isOpen()) === 'c1,c3')
      const named = async () =>
        (await under.store.openIds()).map(({ agent_id, command_id }) => `${agent_id} ${command_id}`)
      await until('these are named', async () => (await named()).sort().join() === 'a1 c1,a1 c3')
    })

    test('replaces nothing when the agent itself has reported the command as lost', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const lost = await add(under.store, 'c1', [{ report: 1, event: result('c1', 'lost') }])
      expect(lost.state.final).toBe(true)
      const store = await under.reopen()
      const late = await add(store, 'c1', [{ report: 2, event: result('c1', 'success') }])
      expect(late.entries).toEqual([])
      expect(await store.state('c1')).toMatchObject({ final: true, record: { status: 'lost' } })
    })

    test('lists the open commands of one agent', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      await create(under.store, newCommand('c2', { agent_id: 'a1-b' }))
      const ids: string[] = []
      for await (const { record } of under.store.open('a1')) ids.push(record.command_id)
      expect(ids).toEqual(['c1'])
    })

    test('lists the open commands, also for a later process', async () => {
      await using under = await open()
      for (const id of ['c1', 'c2', 'c3']) await create(under.store, newCommand(id))
      await add(under.store, 'c2', [{ report: 1, event: result('c2', 'success') }])
      await add(under.store, 'c3', [{ event: result('c3', 'lost') }])
      await add(under.store, 'c3', [{ event: back('c3') }])
      for (const openStore of [async () => under.store, () => under.reopen()]) {
        const open: string[] = []
        for await (const state of (await openStore()).open()) open.push(state.record.command_id)
        expect(open.sort()).toEqual(['c1', 'c3'])
      }
    })

    test('lists commands newest first, by page, agent, status and text', async () => {
      await using under = await open()
      for (let n = 0; n < 25; n++) {
        const id = `c${String(n).padStart(2, '0')}`
        const agent_id = n % 2 === 0 ? 'even' : 'odd'
        await create(under.store, newCommand(id, { created_at: at(n), agent_id, command: `Echo ${n} 100%` }))
      }
      await add(under.store, 'c03', [{ report: 1, event: result('c03', 'success') }])
      const seen: string[] = []
      let cursor: string | undefined
      do {
        const page = await under.store.list({ limit: 7, ...(cursor === undefined ? {} : { cursor }) })
        seen.push(...page.commands.map(({ command_id }) => command_id))
        cursor = page.next_cursor ?? undefined
      } while (cursor !== undefined)
      expect(seen).toEqual(Array.from({ length: 25 }, (_, n) => `c${String(24 - n).padStart(2, '0')}`))
      const ids = async (query: object) =>
        (await under.store.list({ limit: 50, ...query })).commands.map(({ command_id }) => command_id)
      expect(await ids({ agent_id: 'odd', limit: 2 })).toEqual(['c23', 'c21'])
      expect(await ids({ status: ['success'] })).toEqual(['c03'])
      expect(await ids({ q: 'echo 1', agent_id: 'even' })).toEqual(['c18', 'c16', 'c14', 'c12', 'c10'])
      await expect(under.store.list({ limit: 5, cursor: 'nonsense' })).rejects.toMatchObject({
        code: 'VALIDATION_FAILED',
      })
    })

    test('lists by each filter and by several, whole and in pages of any size', async () => {
      await using under = await open()
      const records: CommandRecord[] = []
      for (let n = 0; n < 24; n++) {
        // Two are made in each moment.
        const made = {
          created_at: at(Math.floor(n / 2)),
          agent_id: `a${n % 3}`,
          requested_by: n % 4 ? 'olga' : 'ann',
        }
        const command = newCommand(`c${String(n).padStart(2, '0')}`, { ...made, command: `echo ${n % 5}` })
        await create(under.store, command)
        const status = n % 2 ? 'error' : 'success'
        const end = result(command.record.command_id, status)
        if (end.type !== 'command_result') throw new Error('It is an end.')
        const exit_code = n % 2 ? n % 7 : 0
        if (n < 20) {
          const event = { ...end, result: { ...end.result, exit_code } }
          await add(under.store, command.record.command_id, [{ report: 1, event }])
        }
        records.push({ ...command.record, ...(n < 20 ? { status, exit_code } : {}) })
      }
      const newest = records.toReversed()
      const agents = new Set(['a0', 'a2'])
      const asked: [query: Partial<ListQuery>, fits: (record: CommandRecord) => boolean][] = [
        [{ since: at(4) }, ({ created_at }) => created_at >= at(4)],
        [{ until: at(4) }, ({ created_at }) => created_at < at(4)],
        [{ since: at(3), until: at(8) }, ({ created_at }) => created_at >= at(3) && created_at < at(8)],
        [{ since: at(8), until: at(3) }, () => false],
        [{ requested_by: 'ann' }, ({ requested_by }) => requested_by === 'ann'],
        [{ exit_code: 0 }, ({ exit_code }) => exit_code === 0],
        [{ exit_code: 5 }, ({ exit_code }) => exit_code === 5],
        [{ status: ['error'] }, ({ status }) => status === 'error'],
        [{ status: ['pending', 'error'] }, ({ status }) => status !== 'success'],
        [{ status: ['pending'] }, ({ status }) => status === 'pending'],
        [{ status: ['running'] }, () => false],
        [
          { status: ['running', 'pending'], agents, since: at(10), until: at(12) },
          ({ status, agent_id, created_at }) =>
            status === 'pending' && agent_id !== 'a1' && created_at >= at(10) && created_at < at(12),
        ],
        [
          { status: ['pending'], agent_id: 'a2', q: 'ECHO', requested_by: 'olga' },
          ({ status, agent_id, requested_by }) =>
            status === 'pending' && agent_id === 'a2' && requested_by === 'olga',
        ],
        [{ agents }, ({ agent_id }) => agent_id !== 'a1'],
        [{ agents: new Set() }, () => false],
        [{ agents, agent_id: 'a2' }, ({ agent_id }) => agent_id === 'a2'],
        [
          { agent_id: 'a1', since: at(2), until: at(9) },
          ({ agent_id, created_at }) => agent_id === 'a1' && created_at >= at(2) && created_at < at(9),
        ],
        [
          { agents, since: at(1), status: ['error'], requested_by: 'olga', q: 'ECHO' },
          (one) =>
            one.agent_id !== 'a1' &&
            one.created_at >= at(1) &&
            one.status === 'error' &&
            one.requested_by === 'olga',
        ],
      ]
      for (const [query, fits] of asked) {
        const expected = newest.filter(fits).map(({ command_id }) => command_id)
        for (const limit of [1, 2, 5, 50]) {
          const said = `${JSON.stringify(query)} by ${limit}`
          expect(await listAll(under.store, { ...query, limit }), said).toEqual(expected)
        }
      }
    })

    test('lists nothing made at or after `until` behind the cursor of another query', async () => {
      await using under = await open()
      for (let n = 0; n < 6; n++) await create(under.store, newCommand(`c${n}`, { created_at: at(n) }))
      const { next_cursor } = await under.store.list({ limit: 1 })
      const page = await under.store.list({ limit: 9, until: at(3), cursor: next_cursor ?? '' })
      expect(page.commands.map(({ command_id }) => command_id)).toEqual(['c2', 'c1', 'c0'])
    })

    test('lists nothing made before `since` behind the cursor of another query', async () => {
      await using under = await open()
      for (let n = 0; n < 6; n++) await create(under.store, newCommand(`c${n}`, { created_at: at(n) }))
      const { next_cursor } = await under.store.list({ limit: 5 })
      for (const agent_id of [undefined, 'a1']) {
        const page = await under.store.list({ limit: 9, agent_id, since: at(4), cursor: next_cursor ?? '' })
        expect(page).toEqual({ commands: [], next_cursor: null })
      }
    })

    test('ends a page early where a search takes long, and continues behind it', async () => {
      await using under = await open()
      const ids = Array.from({ length: 300 }, (_, n) => `c${String(n).padStart(3, '0')}`)
      for (const id of ids) await create(under.store, newCommand(id))
      class Slow extends Set<string> {
        override has(id: string): boolean {
          const until = performance.now() + 10
          while (performance.now() < until);
          return super.has(id)
        }
      }
      const first = await under.store.list({ limit: 200, agents: new Slow(['none']) })
      expect(first.commands).toEqual([])
      expect(first.next_cursor).not.toBeNull()
      const rest = await listAll(under.store, { limit: 200, cursor: first.next_cursor ?? '' })
      expect(rest.length).toBeGreaterThan(0)
      expect(rest.length).toBeLessThan(300)
      expect(rest).toEqual(ids.slice(0, rest.length).toReversed())
    }, 30_000)

    test('lists the beginning of a long text, and ends it on a whole character', async () => {
      await using under = await open()
      const texts = { long: `${'x'.repeat(1023)}😀 and more`, short: `\ufeff${'é'.repeat(1023)}` }
      for (const [id, command] of Object.entries(texts))
        await create(under.store, newCommand(id, { command }))
      const { commands } = await under.store.list({ limit: 10 })
      const listed = new Map(commands.map(({ command_id, command }) => [command_id, command]))
      expect(listed.get('long')).toBe(`${'x'.repeat(1023)}…`)
      expect(listed.get('short')).toBe(texts.short)
    })

    test('deletes what ended long ago, and nothing that has not ended', async () => {
      await using under = await open()
      for (const id of ['old', 'new', 'open']) await create(under.store, newCommand(id))
      await add(under.store, 'old', [{ report: 1, event: result('old', 'success', 10) }])
      await add(under.store, 'new', [{ report: 1, event: result('new', 'success', 1000) }])
      expect(await under.store.prune(at(500))).toBe(1)
      expect(await under.store.state('old')).toBeUndefined()
      expect(await readAll(under.store, 'old')).toEqual([])
      const { commands } = await under.store.list({ limit: 10 })
      expect(commands.map(({ command_id }) => command_id).sort()).toEqual(['new', 'open'])
    })

    test('deletes what an earlier version stored with an invalid end time', async () => {
      await using under = await open()
      await create(under.store, newCommand('old'))
      await add(under.store, 'old', [
        { report: 1, event: { ...result('old', 'success'), timestamp: 'zzzz' } },
      ])
      expect(await under.store.prune(at(500))).toBe(1)
      expect(await under.store.state('old')).toBeUndefined()
    })

    test('reads pages that are limited in bytes', async () => {
      await using under = await open()
      await create(under.store, newCommand('c1'))
      const chunk = Buffer.alloc(50_000)
      for (let n = 0; n < 10; n++) {
        await add(under.store, 'c1', [{ report: n + 1, event: output('c1', n * 50_000, chunk) }])
      }
      expect((await under.store.read('c1', 1, 100_000)).length).toBe(3)
      expect((await under.store.read('c1', 5, 1)).map(({ seq }) => seq)).toEqual([5])
    })

    test('shows followers every entry once and in order, live and from any sequence number', async () => {
      await using under = await open()
      const journal = new Journal(under.store)
      await (await journal.create(newCommand('c1'))).committed
      const follow = async (from: number) => {
        const seen: number[] = []
        for await (const { seq } of journal.follow('c1', from, { signal: new AbortController().signal }))
          seen.push(seq)
        return seen
      }
      const early = [follow(1), follow(40), follow(99)]
      for (let n = 1; n <= 200; n++) {
        await journal.append('c1', [{ report: n, event: output('c1', n, Buffer.alloc(20_000, n)) }])
        if (n === 100) early.push(follow(1))
      }
      await journal.append('c1', [{ report: 201, event: result('c1', 'success') }])
      const upTo = (from: number) => Array.from({ length: 203 - from }, (_, index) => from + index)
      expect(await Promise.all([...early, follow(1), follow(202), follow(203)])).toEqual([
        upTo(1),
        upTo(40),
        upTo(99),
        upTo(1),
        upTo(1),
        [202],
        [],
      ])
    })

    test('ends a follower when its signal is aborted', async () => {
      await using under = await open()
      const journal = new Journal(under.store)
      await (await journal.create(newCommand('c1'))).committed
      const stop = new AbortController()
      const following = (async () => {
        for await (const _entry of journal.follow('c1', 1, { signal: stop.signal }))
          stop.abort(new Error('enough'))
      })()
      await expect(following).rejects.toThrow('enough')
    })

    test('does not show a guess that a late true end has replaced', async () => {
      await using under = await open()
      const journal = new Journal(under.store)
      await (await journal.create(newCommand('c1'))).committed
      await journal.append('c1', [{ event: result('c1', 'lost') }])
      await journal.append('c1', [{ event: back('c1') }])
      await journal.append('c1', [{ report: 1, event: result('c1', 'success') }])
      const seen: string[] = []
      for await (const { event } of journal.follow('c1', 1, { signal: new AbortController().signal })) {
        seen.push(event.type === 'command_result' ? event.status : event.type)
      }
      expect(seen).toEqual(['command_response', 'command_progress', 'success'])
    })
  })
}
