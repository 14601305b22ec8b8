import type { RawCommandEvent } from '../../shared/commands/event.js'
import type { CommandPage, CommandRecord } from '../../shared/commands/record.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { AuditFact } from '../events.js'
import type { ListQuery } from './page.js'

/** A numbered event of a command: 1, 2, 3… without hole. `report` is the agent's own number, where it has one. */
export type Entry = { seq: number; report: number | undefined; event: RawCommandEvent }

/** An event to be appended. The store drops a report it has, and everything after a report that is missing. */
export type Draft = {
  event: RawCommandEvent
  report?: number | undefined
  /** Only while the command has no result: the controller's own guesses never follow a truth. */
  unlessEnded?: boolean
  /** Only while this is the last sequence: a verdict on what was seen falls when there is more to see. */
  ifLast?: number
}

/** The state of a command. */
export type CommandState = {
  record: CommandRecord
  /** Of its order, which the store keeps apart from this: `expires_at` and `max_output_bytes`. */
  expires_at: number
  max_output_bytes: number
  on_disconnect: 'continue' | 'cancel'
  /** Of the request that started it; undefined where an older version did. */
  request_hash: string | undefined
  cancel_requested_by: string | undefined
  last_seq: number
  /** Highest report number placed. */
  last_report: number
  /** Whether the last word on the agent's presence is `agent_lost`. */
  away: boolean
  /** The result that holds, undefined while there is none. A late truth takes the place of `lost`. */
  result_seq: number | undefined
  /** Whether the agent itself said `lost`, or was not believed: nothing that it reports later replaces that. */
  final: boolean
}

export type NewCommand = {
  record: CommandRecord
  order: ExecuteOrder
  on_disconnect: 'continue' | 'cancel'
  request_hash?: string
  event: RawCommandEvent
  /** What the audit says of it: kept with the order until that is committed, since the record is committed with it. */
  audit?: AuditFact
}

export type Appended = {
  /** What got its place: shown to subscribers from now on. */
  entries: Entry[]
  state: CommandState
  /** Resolves once it would survive the death of the process; waits while the store cannot write. */
  committed: Promise<void>
  /** Set where what is among them must not be shown before it would survive: it is when this has resolved. */
  durable?: Promise<void> | undefined
}

export type Created = {
  /** False: the id is known, and this is the state of its command. */
  created: boolean
  state: CommandState
  /** Resolves once the command would survive the death of the process: its order may leave. */
  durable: Promise<void>
  /** Resolves once the store itself shows it. */
  committed: Promise<void>
}

export type OpenId = { agent_id: string; command_id: string }

/** Hears of new commands until it is closed. */
export type CreatedWatch = { opened: Promise<void>; close(): void }

/** The store behind the journal: one conformance suite, every implementation. */
export interface JournalStore {
  /** What is to be recorded of orders that a crash has kept from the store, and that are there now. */
  readonly recovered?: readonly AuditFact[]
  /** Creates the command, or gives the one that has this id. */
  create(command: NewCommand): Promise<Created>
  /** Undefined when the command is not known. Calls for one command keep their order. */
  append(command_id: string, drafts: Draft[]): Promise<Appended | undefined>
  state(command_id: string): Promise<CommandState | undefined>
  /** What the agent is asked to do; undefined once the command has ended. It may hold a megabyte: read it to send it. */
  order(command_id: string): Promise<ExecuteOrder | undefined>
  /** Those of these commands that have no result, or had none a moment ago. */
  stillOpen(commands: OpenId[]): Promise<string[]>
  /** Entries from `from_seq` on, committed ones at least, at most about `maxBytes` of output but one at least. */
  read(command_id: string, from_seq: number, maxBytes: number): Promise<Entry[]>
  /**
   * Newest first, each as `listedRecord` has it: whole texts are not held while a page is made. So many commands are
   * looked at for a page, and no more: one with fewer than `limit`, or none, may have a cursor to go on.
   */
  list(query: ListQuery): Promise<CommandPage>
  /** Every command without a result: all of them, or one agent's. */
  open(agent_id?: string): AsyncIterable<CommandState>
  /** Ids of all commands without a result, as an index has them: some may have ended. */
  openIds(): Promise<OpenId[]>
  /**
   * Set where others write too: calls when there may be more of a command than this process has written. It may
   * call too often, and late, but never not at all.
   */
  watch?(command_id: string, onMore: () => void): () => void
  /** Set where others write too: calls with each command that one of them creates, once `opened` has resolved. */
  watchCreated?(onCreated: (command: OpenId) => void): CreatedWatch
  /** Set where `state` asks another process: the command's state when this one last heard of it, by `read` too. */
  recent?(command_id: string): CommandState | undefined
  /** Forgets commands that ended before this time (RFC 3339); gives how many. */
  prune(endedBefore: string): Promise<number>
  /** Throws UNAVAILABLE, with the cause, when nothing can be written now. */
  check(): Promise<void>
  close(): Promise<void>
}

/** A subscriber of a command's events. */
export type Subscriber = {
  signal: AbortSignal
  /** Called once, with where the command is, before anything of it is read. What it throws ends the reading. */
  authorize?(state: CommandState): void
  /** Resolves when the subscriber has room for a page: until then nothing is held for it. */
  ready?(): Promise<void>
  /** Called when there is no more for now, so that nothing is held for it. */
  idle?(): void
}
