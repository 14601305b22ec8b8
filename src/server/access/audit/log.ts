import { prunedDetails, signCheckpoint } from '../../../audit/checkpoints.js'
import type { AuditKey } from '../../../audit/keys.js'
import type { AuditCheckpoint, AuditRecord } from '../../../shared/access/audit.js'
import { Periodic } from '../../../shared/async/periodic.js'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { OgentError } from '../../../shared/errors.js'
import type { AuditFact, Events } from '../../events.js'
import type { Log } from '../../telemetry/ports.js'
import type { AuditEntry, AuditSink, AuditStore, Head, SinkState } from './ports.js'
import { recordOf } from './record-of.js'

/** A checkpoint is signed after so many records, or so many ms after the first of them. */
const SIGN_RECORDS = 64
const SIGN_MS = 60_000
/** Records that wait for the store, in memory; one more is counted instead of kept. */
const MOST_WAITING = 10_000
/** A record that has waited for so long, in ms, says that the store takes none. */
const STALLED_MS = 5000
/** The record of an order is waited for so long, in ms. */
const RECORDED_MS = 2000
/** What is still to be written at a close gets so long, in ms. */
const CLOSE_MS = 3000
/** Other chains that a new one names. */
const MOST_NAMED = 8

export type AuditLogOptions = {
  store: AuditStore
  key: AuditKey
  sinks: AuditSink[]
  events: Events
  log: Log
  version: string
}

/** What metrics and `/ready` say of the audit. */
export type AuditState = {
  /** Records of this process. */
  records: number
  /** Records that the store does not have yet. */
  waiting: number
  /** Records that were dropped, since too many waited. */
  lost: number
  sinks: (SinkState & { name: string })[]
}

/**
 * Appends what services publish as `audited` to the chain of this controller, in the turn in which it is published. Each record
 * has the hash of the one before it, and the head is signed every now and then. What leaves the controller (a line for a sink, a
 * checkpoint for a witness) is committed before: after a crash no other record may have its number.
 */
export class AuditLog {
  readonly #options: AuditLogOptions
  readonly #chain: string
  #last: Pick<AuditRecord, 'seq' | 'hash' | 'timestamp'> | undefined
  #oldest: number
  #signed: number
  #newest: AuditCheckpoint | undefined
  #records = 0
  /** Since when each record that is not written yet has waited, the oldest first. */
  readonly #waiting = new Set<{ since: number }>()
  #recorded: Promise<void> = Promise.resolve()
  /** Dropped, and not yet told by a record. */
  #gap = 0
  #lost = 0
  readonly #timer: Periodic
  readonly #unlisten: () => void

  private constructor(options: AuditLogOptions, head: Head) {
    this.#options = options
    this.#chain = head.chain
    this.#last = head.record
    this.#oldest = head.oldest
    this.#signed = head.checkpoint?.seq ?? 0
    this.#newest = head.checkpoint
    this.#timer = new Periodic({ everyMs: SIGN_MS, act: async () => this.#signNews(), onError() {} })
    this.#unlisten = options.events.on('audited', (fact) => this.append(fact))
  }

  /** Goes on with the chain of this controller's store, or begins one. */
  static async open(options: AuditLogOptions): Promise<AuditLog> {
    const { store, key, log, version } = options
    const head = await store.head()
    const { record, checkpoint } = head
    if (checkpoint && checkpoint.seq > (record?.seq ?? 0)) {
      const fields = { chain: checkpoint.chain, seq: checkpoint.seq, last: record?.seq ?? 0 }
      log.error(fields, 'records of the audit are missing: its newest checkpoint names more than there are')
    }
    const others = (await store.otherHeads())
      .slice(0, MOST_NAMED)
      .map(({ chain, seq, hash }) => ({ chain, seq, hash }))
    const audit = new AuditLog(options, head)
    const { kid, public_key } = key
    const details = { kid, public_key, version, ...(others.length > 0 ? { others } : {}) }
    audit.append(own('audit.start', details))
    audit.#sign()
    return audit
  }

  /** The newest checkpoint that is committed. */
  get newest(): AuditCheckpoint | undefined {
    return this.#newest
  }

  /** Throws UNAVAILABLE while records cannot be written: what has to be recorded must not be done. */
  check(): void {
    const { trouble } = this.#options.store
    const [oldest] = this.#waiting
    const isStalled = oldest !== undefined && performance.now() - oldest.since > STALLED_MS
    if (trouble === undefined && !isStalled && this.#waiting.size < MOST_WAITING) return
    const why = trouble ?? 'its store takes no records'
    throw new OgentError('UNAVAILABLE', `The audit cannot be written: ${why}.`)
  }

  /**
   * Resolves when what was recorded so far would survive the death of the process, or after 2 s: then it waits in memory. Undefined
   * where that is so as soon as the journal's own writes of this turn would.
   */
  recorded(): Promise<unknown> | undefined {
    return this.#options.store.separate ? resolvesWithin(this.#recorded, RECORDED_MS) : undefined
  }

  /** Appends a record of what was done. */
  append(fact: AuditFact): void {
    if (this.#waiting.size >= MOST_WAITING) {
      this.#gap += 1
      this.#lost += 1
      return
    }
    if (this.#gap > 0) {
      const lost = this.#gap
      this.#gap = 0
      this.#append({ ...own('audit.gap', { lost }), verdict: 'failed', reason: 'The store took no records.' })
    }
    this.#append(fact)
    if ((this.#last?.seq ?? 0) - this.#signed >= SIGN_RECORDS) this.#sign()
  }

  /** Removes records before this time (RFC 3339), and leaves signed records that say so. Gives how many. */
  async prune(before: string): Promise<number> {
    const { store, key } = this.#options
    let count = 0
    for (const pruned of await store.prunable(before)) {
      this.append(own('audit.prune', prunedDetails(key, pruned)))
      if (pruned.chain === this.#chain) {
        count += pruned.through_seq - this.#oldest + 1
        this.#oldest = pruned.through_seq + 1
      } else count += pruned.through_seq
      this.#sign()
      // Not before the store has the record of it: else what is left would not verify after a crash.
      await this.#recorded
      await store.remove(pruned)
    }
    return count
  }

  state(): AuditState {
    const sinks = this.#options.sinks.map((sink) => ({ name: sink.name, ...sink.state() }))
    return { records: this.#records, waiting: this.#waiting.size, lost: this.#lost, sinks }
  }

  /** Signs the end of the chain, and stops. */
  async close(): Promise<void> {
    const { store, sinks } = this.#options
    this.#unlisten()
    this.#timer.close()
    this.append(own('audit.stop'))
    this.#sign()
    await store.settled(CLOSE_MS)
    store.close()
    await Promise.all(sinks.map((sink) => sink.close(CLOSE_MS)))
  }

  #append(fact: AuditFact): void {
    const record = recordOf(fact, this.#chain, this.#last)
    // Not the whole of it: its details are of no use here.
    this.#last = { seq: record.seq, hash: record.hash, timestamp: record.timestamp }
    this.#records += 1
    const mark = { since: performance.now() }
    this.#waiting.add(mark)
    this.#recorded = this.#write({ record }, () => {
      this.#waiting.delete(mark)
      this.#pushed('record', record)
    })
  }

  #signNews(): void {
    if ((this.#last?.seq ?? 0) > this.#signed) this.#sign()
  }

  #sign(): void {
    if (!this.#last) return
    const { seq, hash, timestamp } = this.#last
    const head = { chain: this.#chain, seq, hash, count: seq - this.#oldest + 1, timestamp }
    const checkpoint = signCheckpoint(this.#options.key, head)
    this.#signed = seq
    void this.#write({ checkpoint }, () => {
      this.#newest = checkpoint
      this.#pushed('checkpoint', checkpoint)
    })
  }

  #write(entry: AuditEntry, onWritten: () => void): Promise<void> {
    // A store that is closed takes no more: the records of a stop that could not wait for it are lost with it.
    return this.#options.store.append(entry).then(onWritten, () => {})
  }

  #pushed(type: 'record' | 'checkpoint', what: object): void {
    const { sinks } = this.#options
    if (sinks.length === 0) return
    const line = JSON.stringify({ type, ...what })
    for (const sink of sinks) sink.push(line)
  }
}

/** A fact of the audit's own. */
function own(action: string, details?: Record<string, unknown>): AuditFact {
  return { actor: undefined, action, object: 'audit', verdict: 'allowed', reason: '', details }
}
