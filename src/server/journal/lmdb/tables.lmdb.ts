import type { Database, RootDatabase } from 'lmdb'
import type { CommandRecord } from '../../../shared/commands/record.js'
import type { ExecuteOrder } from '../../../shared/link/protocol.js'
import { type ListQuery, parseCursor } from '../page.js'
import type { CommandState, Entry, NewCommand } from '../port.js'

/**
 * A state as it is stored: the two counters are read from the last entries. The order of an open command was a part of
 * it once, and what came later is missing from old ones.
 */
type StoredState = Omit<CommandState, Counters | Later> &
  Partial<Pick<CommandState, Later>> & { order?: ExecuteOrder }
type Counters = 'last_seq' | 'last_report'
type Later = 'away' | 'final' | 'request_hash' | 'expires_at' | 'max_output_bytes'
type StoredEntry = { report: number | undefined; event: Entry['event'] }

/** The tables of the journal in LMDB. The `put` methods are called inside a write of the folder, and give what it waits for. */
export class JournalTables {
  readonly #commands: Database<StoredState, string>
  readonly #events: Database<StoredEntry, [string, number]>
  readonly #byTime: Database<string, [string, string]>
  readonly #byAgent: Database<string, [string, string, string]>
  readonly #open: Database<true, string>
  readonly #orders: Database<ExecuteOrder, string>

  constructor(root: RootDatabase) {
    this.#commands = root.openDB({ name: 'commands' })
    this.#events = root.openDB({ name: 'events' })
    this.#byTime = root.openDB({ name: 'by-time' })
    this.#byAgent = root.openDB({ name: 'by-agent' })
    this.#open = root.openDB({ name: 'open' })
    this.#orders = root.openDB({ name: 'orders' })
    this.#partOrders()
  }

  record(id: string): CommandRecord | undefined {
    return this.#commands.get(id)?.record
  }

  order(id: string): ExecuteOrder | undefined {
    return this.#orders.get(id)
  }

  isOpen(id: string): boolean {
    return this.#open.doesExist(id)
  }

  openIds(): Iterable<string> {
    return this.#open.getKeys()
  }

  state(id: string): CommandState | undefined {
    const stored = this.#commands.get(id)
    if (!stored) return undefined
    const state: CommandState = {
      ...stored,
      away: stored.away ?? false,
      final: stored.final ?? false,
      request_hash: stored.request_hash,
      expires_at: stored.expires_at ?? 0,
      max_output_bytes: stored.max_output_bytes ?? Number.MAX_SAFE_INTEGER,
      last_seq: 0,
      last_report: 0,
    }
    const newest = this.#events.getRange({
      start: [id, Number.MAX_SAFE_INTEGER],
      end: [id, 0],
      reverse: true,
    })
    for (const { key, value } of newest) {
      if (state.last_seq === 0) state.last_seq = key[1]
      if (value.report === undefined) continue
      state.last_report = value.report
      break
    }
    return state
  }

  *entries(id: string, from_seq: number): Generator<Entry, void> {
    const start: [string, number] = [id, from_seq]
    const end: [string, number] = [id, Number.MAX_SAFE_INTEGER]
    for (const { key, value } of this.#events.getRange({ start, end })) yield { seq: key[1], ...value }
  }

  /** Commands made before this time, the oldest first. */
  *madeBefore(time: string): Generator<{ time: string; id: string; agent_id: string }, void> {
    for (const { key, value: agent_id } of this.#byTime.getRange({ end: [time, ''] })) {
      yield { time: key[0], id: key[1], agent_id }
    }
  }

  /** The newest first, from behind the cursor and within the query's times: of all agents, or of one. */
  *newestFirst(query: ListQuery): Generator<{ time: string; id: string; agent_id: string }, void> {
    const { agent_id, since = '', cursor, until = '~' } = query
    const behind = cursor === undefined ? undefined : parseCursor(cursor)
    // Ids come after the empty text: a command made at `until` itself is not among these.
    const newest = behind && behind.time < until ? behind : { time: until, id: '' }
    if (agent_id === undefined) {
      const start: [string, string] = [newest.time, newest.id]
      for (const { key, value } of this.#byTime.getRange({ start, end: [since, ''], reverse: true })) {
        const [time, id] = key
        if (time !== newest.time || id !== newest.id) yield { time, id, agent_id: value }
      }
      return
    }
    const start: [string, string, string] = [agent_id, newest.time, newest.id]
    for (const [, time, id] of this.#byAgent.getKeys({ start, end: [agent_id, since, ''], reverse: true })) {
      if (time !== newest.time || id !== newest.id) yield { time, id, agent_id }
    }
  }

  putCommand({ record, order, event }: NewCommand, state: CommandState): Promise<unknown>[] {
    const id = record.command_id
    return [
      this.#putState(id, state),
      this.#orders.put(id, order),
      this.#events.put([id, 1], { report: undefined, event }),
      this.#byTime.put([record.created_at, id], record.agent_id),
      this.#byAgent.put([record.agent_id, record.created_at, id], ''),
      this.#open.put(id, true),
    ]
  }

  putEntries(id: string, entries: Entry[]): Promise<unknown>[] {
    return entries.map(({ seq, report, event }) => this.#events.put([id, seq], { report, event }))
  }

  /** The state, and whether the command is open. */
  putChange(id: string, state: CommandState): Promise<unknown>[] {
    const open =
      state.result_seq === undefined
        ? [this.#open.put(id, true)]
        : [this.#open.remove(id), this.#orders.remove(id)]
    return [this.#putState(id, state), ...open]
  }

  /** What removes a command, for a write that may be made several times: its entries are looked for once, now. */
  removal(id: string, time: string, agent_id: string): () => Promise<unknown>[] {
    const seqs = [...this.#events.getKeys({ start: [id, 0], end: [id, Number.MAX_SAFE_INTEGER] })]
    return () => [
      ...seqs.map((key) => this.#events.remove(key)),
      this.#commands.remove(id),
      this.#byAgent.remove([agent_id, time, id]),
      this.#byTime.remove([time, id]),
      this.#open.remove(id),
      this.#orders.remove(id),
    ]
  }

  #putState(id: string, state: CommandState): Promise<unknown> {
    const { last_seq: _seq, last_report: _report, ...stored } = state
    return this.#commands.put(id, stored)
  }

  /** Takes the orders out of the states of open commands, where earlier versions kept them. */
  #partOrders(): void {
    for (const id of this.#open.getKeys()) {
      const stored = this.#commands.get(id)
      if (!stored?.order) continue
      const { order, ...state } = stored
      const { expires_at, max_output_bytes } = order
      this.#orders.putSync(id, order)
      this.#commands.putSync(id, { ...state, expires_at, max_output_bytes })
    }
  }
}
