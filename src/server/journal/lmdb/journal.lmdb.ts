import {
  type CommandPage,
  type CommandRecord,
  isEndedBefore,
  listedRecord,
} from '../../../shared/commands/record.js'
import type { ExecuteOrder } from '../../../shared/link/protocol.js'
import type { AuditFact } from '../../events.js'
import type { LmdbFolder } from '../../storage/folder.lmdb.js'
import { ScanTurns } from '../../storage/scan-turns.js'
import { asksForOpen, cursorOf, type ListQuery, pageAmong, recordTest } from '../page.js'
import type {
  Appended,
  CommandState,
  Created,
  Draft,
  Entry,
  JournalStore,
  NewCommand,
  OpenId,
} from '../port.js'
import { applyDrafts, newState, recordChanged } from '../state.js'
import { JournalTables } from './tables.lmdb.js'
import { type Intents, WriteAheadLog } from './write-ahead-log.js'

/** How long a listing waits for commits that are under way, in ms: a full disk must not hold it up. */
const LIST_WAIT_MS = 500
/** An end that so many bytes of output are waiting before is not written down by itself: it waits for its commit. */
const LONG_END_BYTES = 32 * 1024
/** A new command of so many characters waits for its commit as well: the plain file is read at once at a start. */
const LONG_ORDER = 32 * 1024
/** Heads kept in memory that the store has too; a few KB each, since those with a longer text are read again. */
const KEPT_STATES = 10_000
const LONG_COMMAND = 4096
/** Rows that are read in one go before other work gets its turn. */
const SCAN_STEP = 500
/** How long a search may work for one page, in ms; a page may end early, with a cursor to continue. */
const SCAN_MS = 1000

/**
 * The journal in LMDB: one process, commits in batches on LMDB's own thread. An append gets its place at
 * once, from the state in memory; its commit follows. A commit that fails (a full disk) is tried again until
 * it succeeds, and its receipt waits so long.
 */
export class LmdbJournal implements JournalStore {
  readonly recovered: AuditFact[] = []
  readonly #folder: LmdbFolder
  readonly #tables: JournalTables
  readonly #intents: WriteAheadLog
  readonly #turns = new ScanTurns()
  /** What was appended and is not committed yet, by command, in groups. */
  readonly #uncommitted = new Map<string, Entry[][]>()
  /** Heads of open commands, and of those appended to since: the truth, ahead of what is committed. */
  readonly #states = new Map<string, CommandState>()
  /** Orders that are not committed yet. */
  readonly #newOrders = new Map<string, ExecuteOrder>()
  /** How many writes of a command are not committed yet. */
  readonly #writes = new Map<string, number>()

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#tables = new JournalTables(folder.root)
    this.#intents = new WriteAheadLog(folder.path)
    this.#intents.forget(this.#recover(this.#intents.read()))
  }

  async create(command: NewCommand): Promise<Created> {
    const { command_id } = command.record
    // A command that is known is followed, even when nothing can be written.
    if (!this.#load(command_id)) await this.check()
    const known = this.#load(command_id)
    if (known)
      return { created: false, state: known, durable: Promise.resolve(), committed: Promise.resolve() }
    const { state, committed } = this.#put(command)
    const written = lengthOf(command) <= LONG_ORDER && this.#intents.add(command, committed)
    return { created: true, state, durable: written ? Promise.resolve() : committed, committed }
  }

  async append(command_id: string, drafts: Draft[]): Promise<Appended | undefined> {
    const before = this.#load(command_id)
    if (!before) return undefined
    const { state, entries } = applyDrafts(before, drafts)
    if (entries.length === 0) return { entries, state, committed: this.#folder.committed() }
    this.#states.set(command_id, state)
    const changed = recordChanged(before, state)
    const committed = this.#folder.write(() => {
      const puts = this.#tables.putEntries(command_id, entries)
      // This state and no later one, which may tell of entries that come with the next commit.
      return changed ? [...puts, ...this.#tables.putChange(command_id, state)] : puts
    }, bytesOf(entries))
    this.#hold(command_id, entries, committed)
    this.#keepUntil(command_id, committed)
    if (state.result_seq === undefined)
      return { entries, state, committed, ...this.#shownAfter(entries, committed) }
    const tellsEnd = entries.some(({ event }) => event.type === 'command_result')
    return {
      entries,
      state,
      committed,
      durable: tellsEnd ? this.#endDurably(command_id, committed) : undefined,
    }
  }

  async state(command_id: string): Promise<CommandState | undefined> {
    return this.#load(command_id)
  }

  async order(command_id: string): Promise<ExecuteOrder | undefined> {
    if (this.#load(command_id)?.result_seq !== undefined) return undefined
    return this.#newOrders.get(command_id) ?? this.#tables.order(command_id)
  }

  async stillOpen(commands: { command_id: string }[]): Promise<string[]> {
    const ids = commands.map(({ command_id }) => command_id)
    return ids.filter((id) => {
      const state = this.#states.get(id)
      return state ? state.result_seq === undefined : this.#tables.isOpen(id)
    })
  }

  async read(command_id: string, from_seq: number, maxBytes: number): Promise<Entry[]> {
    const entries: Entry[] = []
    let bytes = 0
    for (const entry of this.#tables.entries(command_id, from_seq)) {
      entries.push(entry)
      bytes += bytesOf(entries.slice(-1))
      if (bytes >= maxBytes || entries.length >= SCAN_STEP) break
    }
    return entries
  }

  async list(query: ListQuery): Promise<CommandPage> {
    // A client that started a command finds it here, though its commit may have been under way until now.
    await this.#folder.settled(LIST_WAIT_MS)
    if (asksForOpen(query)) return pageAmong(await this.#openRecords(), query)
    const page: CommandRecord[] = []
    const isAskedFor = recordTest(query)
    const scan = this.#turns.scan()
    for (const { time, id, agent_id } of this.#tables.newestFirst(query)) {
      if (scan.isDue) await scan.turn()
      const record = query.agents?.has(agent_id) === false ? undefined : this.#record(id)
      if (record && isAskedFor(record)) page.push(listedRecord(record))
      if (page.length >= query.limit || scan.workedMs > SCAN_MS) {
        return { commands: page, next_cursor: cursorOf(time, id) }
      }
    }
    return { commands: page, next_cursor: null }
  }

  async *open(agent_id?: string): AsyncIterable<CommandState> {
    // What is not committed yet is open too, and not among the store's keys.
    for (const id of new Set([...this.#tables.openIds(), ...this.#states.keys()])) {
      const state = this.#load(id)
      if (!state || state.result_seq !== undefined) continue
      if (agent_id === undefined || state.record.agent_id === agent_id) yield state
    }
  }

  async openIds(): Promise<OpenId[]> {
    const ids: OpenId[] = []
    for await (const { record } of this.open())
      ids.push({ agent_id: record.agent_id, command_id: record.command_id })
    return ids
  }

  async prune(endedBefore: string): Promise<number> {
    let looked = 0
    const removed: Promise<void>[] = []
    for (const { time, id, agent_id } of this.#tables.madeBefore(endedBefore)) {
      looked += 1
      if (looked % SCAN_STEP === 0) {
        await new Promise((resolve) => setImmediate(resolve))
        await Promise.all(removed)
      }
      const record = this.#load(id)?.record
      if (record && !isEndedBefore(record, endedBefore)) continue
      removed.push(this.#remove(id, time, agent_id))
    }
    await Promise.all(removed)
    return removed.length
  }

  check(): Promise<void> {
    return this.#folder.check()
  }

  async close(): Promise<void> {
    await this.#folder.close()
    this.#intents.close()
  }

  /** What a crash kept from the store: commands whose orders may have left, and ends that may have been seen. */
  #recover({ commands, ends }: Intents): Promise<unknown> {
    const missing = commands.filter(({ record }) => !this.#load(record.command_id))
    this.recovered.push(...missing.flatMap(({ audit }) => audit ?? []))
    const stored: Promise<unknown>[] = missing.map((command) => this.#put(command).committed)
    for (const { command_id, entries } of ends) {
      const last = this.#load(command_id)?.last_seq
      const drafts = entries.filter(({ seq }) => last !== undefined && seq > last)
      if (last === undefined || drafts[0]?.seq !== last + 1) continue
      stored.push(this.append(command_id, drafts).then((appended) => appended?.committed))
    }
    return Promise.all(stored)
  }

  /** Keeps hold of what is being committed, until it is. */
  #hold(command_id: string, entries: Entry[], committed: Promise<void>): void {
    const held = this.#uncommitted.get(command_id) ?? []
    this.#uncommitted.set(command_id, held)
    held.push(entries)
    const release = () => {
      held.shift()
      if (held.length === 0 && this.#uncommitted.get(command_id) === held)
        this.#uncommitted.delete(command_id)
    }
    committed.then(release, release)
  }

  /**
   * An agent sends its reports again after a crash, and they get their numbers anew; an event of the controller's own is
   * gone, and the next report would take a number that a subscriber has seen. So it is shown once it is committed.
   */
  #shownAfter(entries: Entry[], committed: Promise<void>): Pick<Appended, 'durable'> {
    const own = entries.some(({ report }) => report === undefined)
    return own ? { durable: this.#folder.unlessTrouble(committed) } : {}
  }

  /** Undefined where the end survives the death of the process already; else when it will. */
  #endDurably(command_id: string, committed: Promise<void>): Promise<void> | undefined {
    const entries = this.#uncommitted.get(command_id)?.flat() ?? []
    const end = { command_id, entries }
    if (bytesOf(entries) <= LONG_END_BYTES && this.#intents.addEnd(end, committed)) return undefined
    // With a full disk that may take long; the agent has the end for as long, and no caller should wait for it in vain.
    return this.#folder.unlessTrouble(committed)
  }

  #put(command: NewCommand): { state: CommandState; committed: Promise<void> } {
    const { record } = command
    const id = record.command_id
    const state = newState(command)
    this.#states.set(id, state)
    this.#newOrders.set(id, command.order)
    const committed = this.#folder.write(() => this.#tables.putCommand(command, state))
    this.#keepUntil(id, committed)
    const forget = () => void this.#newOrders.delete(id)
    committed.then(forget, forget)
    return { state, committed }
  }

  async #remove(id: string, time: string, agent_id: string): Promise<void> {
    this.#states.delete(id)
    await this.#folder.write(this.#tables.removal(id, time, agent_id))
  }

  /** With some that have ended, whose states are in memory. */
  async #openRecords(): Promise<CommandRecord[]> {
    const records: CommandRecord[] = []
    const scan = this.#turns.scan()
    for (const id of new Set([...this.#tables.openIds(), ...this.#states.keys()])) {
      if (scan.isDue) await scan.turn()
      const record = this.#record(id)
      if (record) records.push(record)
    }
    return records
  }

  #record(id: string): CommandRecord | undefined {
    return this.#states.get(id)?.record ?? this.#tables.record(id)
  }

  #load(id: string): CommandState | undefined {
    return this.#states.get(id) ?? this.#tables.state(id)
  }

  /** A state leaves the memory once all of its writes are on disk: that of an ended command, a long one, one too many. */
  #keepUntil(id: string, committed: Promise<void>): void {
    this.#writes.set(id, (this.#writes.get(id) ?? 0) + 1)
    const settle = () => {
      const left = (this.#writes.get(id) ?? 1) - 1
      if (left > 0) {
        this.#writes.set(id, left)
        return
      }
      this.#writes.delete(id)
      const state = this.#states.get(id)
      if (!state) return
      const isLong = state.record.command.length > LONG_COMMAND
      if (state.result_seq !== undefined || isLong || this.#states.size > KEPT_STATES) this.#states.delete(id)
    }
    committed.then(settle, settle)
  }
}

/** Characters of a command's texts. */
function lengthOf({ order }: NewCommand): number {
  const env = Object.entries(order.env ?? {}).flat()
  return order.command.length + (order.stdin?.length ?? 0) + env.join('').length
}

function bytesOf(entries: Entry[]): number {
  return entries.reduce((sum, { event }) => sum + ('data' in event ? event.data.length : 0), 0)
}
