import type { Pruned } from '../../../audit/checkpoints.js'
import type { AuditCheckpoint, AuditRecord } from '../../../shared/access/audit.js'

/** Where a record is among those of all chains: by its time, then by its chain and its number. */
export type Place = { time: string; chain: string; seq: number }

/** The chain that a controller writes, as it was left. */
export type Head = {
  chain: string
  /** The newest record; undefined where the chain is new. */
  record: AuditRecord | undefined
  /** The number of the oldest record; 1 where the chain is new. */
  oldest: number
  /** The newest checkpoint. */
  checkpoint: AuditCheckpoint | undefined
}

export type AuditEntry = { record: AuditRecord } | { checkpoint: AuditCheckpoint }

/** Where the records of the audit are kept: one conformance suite, every implementation. */
export interface AuditStore {
  /** Whether it is written apart from the journal: what depends on both has to wait for both. */
  readonly separate: boolean
  /** Why nothing can be written now; undefined where it can, or where the journal says it. */
  readonly trouble: string | undefined
  head(): Promise<Head>
  /** The newest checkpoint of each other chain. */
  otherHeads(): Promise<AuditCheckpoint[]>
  /**
   * Begins to write, in this turn and in the order of these calls; an entry that cannot be written is tried again until it
   * can. Resolves when it would survive the death of the process. Rejects only when the store is closed.
   */
  append(entry: AuditEntry): Promise<void>
  /** Resolves when what was appended so far is written, or after so many ms. */
  settled(ms: number): Promise<void>
  /** The records of all chains, the newest first, of those before a place. */
  newestFirst(before?: Place): AsyncIterable<AuditRecord>
  /** All records, each chain from its oldest record on. */
  oldestFirst(): AsyncIterable<AuditRecord>
  /** All checkpoints, the newest first. */
  checkpoints(): AsyncIterable<AuditCheckpoint>
  /** What `remove` would remove of records before this time (RFC 3339), by chain. The newest record of a live chain stays. */
  prunable(before: string): Promise<Pruned[]>
  /** Removes records, and the checkpoints that name them. */
  remove(pruned: Pruned): Promise<void>
  /** Writes nothing more. */
  close(): void
}

/** What gets each record and checkpoint besides, and holds nothing up. */
export interface AuditSink {
  /** As metrics and `/ready` name it. */
  readonly name: string
  /** Takes a line of JSON, without its end. */
  push(line: string): void
  state(): SinkState
  /** Delivers what waits, for so many ms at most. */
  close(ms: number): Promise<void>
}

export type SinkState = {
  /** Lines that are not delivered. */
  waiting: number
  /** Lines that were dropped, since too many waited. */
  lost: number
  /** How long the oldest of those that wait has waited, in ms; 0 where none does. */
  behindMs: number
  /** What went wrong last; undefined since it went well. */
  trouble: string | undefined
}
