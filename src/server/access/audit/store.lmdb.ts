import type { Database } from 'lmdb'
import type { Pruned } from '../../../audit/checkpoints.js'
import type { AuditCheckpoint, AuditRecord } from '../../../shared/access/audit.js'
import { newId } from '../../../shared/id.js'
import type { LmdbFolder } from '../../storage/folder.lmdb.js'
import type { AuditEntry, AuditStore, Head, Place } from './ports.js'

/** Records, and checkpoints: each by its time and its number. */
type Key = [table: 'record' | 'checkpoint', time: string, seq: number]

/** Rows that are read in one go before other work gets its turn. */
const SCAN_STEP = 500
/** What was just recorded is waited for so long, in ms, by those who list. */
const SETTLE_MS = 500
/** A record is about so much, in bytes. */
const RECORD_BYTES = 700
/** After every time there is. */
const END = '~'

/** The audit in the environment of the journal: a record is committed with what it is about. */
export class LmdbAuditStore implements AuditStore {
  readonly separate = false
  readonly trouble = undefined
  readonly #folder: LmdbFolder
  readonly #rows: Database<AuditRecord | AuditCheckpoint, Key>

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#rows = folder.root.openDB({ name: 'audit' })
  }

  async head(): Promise<Head> {
    const [record] = this.#records({
      start: ['record', END, 0],
      end: ['record', '', 0],
      reverse: true,
      limit: 1,
    })
    const [oldest] = this.#records({ start: ['record', '', 0], end: ['record', END, 0], limit: 1 })
    const [checkpoint] = this.#newestCheckpoints({ limit: 1 })
    const chain = record?.chain ?? checkpoint?.chain ?? newId()
    return { chain, record, oldest: oldest?.seq ?? 1, checkpoint }
  }

  async otherHeads(): Promise<AuditCheckpoint[]> {
    return []
  }

  append(entry: AuditEntry): Promise<void> {
    if ('record' in entry) {
      const { record } = entry
      return this.#folder.write(() => [this.#rows.put(recordKey(record), record)], RECORD_BYTES)
    }
    const { checkpoint } = entry
    const committed = this.#folder.write(() => [
      this.#rows.put(['checkpoint', checkpoint.timestamp, checkpoint.seq], checkpoint),
    ])
    // It is given to others: not before it would survive a power cut as well.
    return committed.then(async () => void (await this.#rows.flushed))
  }

  settled(ms: number): Promise<void> {
    return this.#folder.settled(ms)
  }

  async *newestFirst(before?: Place): AsyncIterable<AuditRecord> {
    await this.settled(SETTLE_MS)
    let start: Key = before ? ['record', before.time, before.seq - 0.5] : ['record', END, 0]
    while (true) {
      const rows = [...this.#records({ start, end: ['record', '', 0], reverse: true, limit: SCAN_STEP })]
      yield* rows
      const last = rows.at(-1)
      if (!last || rows.length < SCAN_STEP) return
      start = ['record', last.timestamp, last.seq - 0.5]
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  async *oldestFirst(): AsyncIterable<AuditRecord> {
    let start: Key = ['record', '', 0]
    while (true) {
      // In pieces: a client that reads slowly must not hold a transaction of the store.
      const rows = [...this.#records({ start, end: ['record', END, 0], limit: SCAN_STEP })]
      yield* rows
      const last = rows.at(-1)
      if (!last || rows.length < SCAN_STEP) return
      start = ['record', last.timestamp, last.seq + 0.5]
    }
  }

  async *checkpoints(): AsyncIterable<AuditCheckpoint> {
    await this.settled(SETTLE_MS)
    yield* [...this.#newestCheckpoints({})]
  }

  async prunable(before: string): Promise<Pruned[]> {
    const [newest] = this.#records({
      start: ['record', END, 0],
      end: ['record', '', 0],
      reverse: true,
      limit: 1,
    })
    const [last] = this.#records({
      start: ['record', before, 0],
      end: ['record', '', 0],
      reverse: true,
      limit: 1,
    })
    if (!last || last.seq === newest?.seq) return []
    return [{ chain: last.chain, through_seq: last.seq, hash: last.hash }]
  }

  async remove({ through_seq }: Pruned): Promise<void> {
    while (true) {
      const keys: Key[] = []
      for (const { seq, timestamp } of this.#records({
        start: ['record', '', 0],
        end: ['record', END, 0],
        limit: SCAN_STEP,
      })) {
        if (seq <= through_seq) keys.push(['record', timestamp, seq])
      }
      if (keys.length === 0) break
      await this.#folder.write(() => keys.map((key) => this.#rows.remove(key)))
    }
    const old = [...this.#newestCheckpoints({})].filter(({ seq }) => seq <= through_seq)
    await this.#folder.write(() =>
      old.map(({ timestamp, seq }) => this.#rows.remove(['checkpoint', timestamp, seq])),
    )
  }

  /** Its folder is closed with the journal. */
  close(): void {}

  #records(range: { start: Key; end: Key; reverse?: boolean; limit?: number }): Iterable<AuditRecord> {
    // Under these keys there are records alone.
    return this.#rows.getRange(range).map(({ value }) => value as AuditRecord)
  }

  #newestCheckpoints({ limit }: { limit?: number }): Iterable<AuditCheckpoint> {
    const range = { start: ['checkpoint', END, 0] as Key, end: ['checkpoint', '', 0] as Key, reverse: true }
    // Under these keys there are checkpoints alone.
    return this.#rows
      .getRange({ ...range, ...(limit === undefined ? {} : { limit }) })
      .map(({ value }) => value as AuditCheckpoint)
  }
}

function recordKey({ timestamp, seq }: AuditRecord): Key {
  return ['record', timestamp, seq]
}
