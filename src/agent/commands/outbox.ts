import type { CommandStatus, ExecutionType, ExitReport } from '../../shared/commands/result.js'
import type { Receipt, Report } from '../../shared/link/protocol.js'
import type { CutChunk } from './output.js'
import { type Load, ReportQueue } from './report-queue.js'

export type OutboxLimits = {
  /** Bytes of unreceipted output one command may hold before its child has to wait. */
  perCommand: number
  /** The same for all commands together. */
  total: number
}

const defaultOutboxLimits: OutboxLimits = { perCommand: 3 * 1024 * 1024, total: 48 * 1024 * 1024 }

export type StartedDraft = { execution_type: ExecutionType; target: string; pid: number | undefined }
export type ResultDraft = ExitReport & { status: CommandStatus }

/** Reports of about so many bytes share a message. */
export const MESSAGE_BYTES = 256 * 1024

/**
 * The reports that the controller has not receipted. It is bounded in bytes: when a command's share is full,
 * `room` does not resolve and its child's pipe is left unread, so the child waits as on any full pipe.
 * Started and result reports are always taken: they are few and small. Nothing is dropped.
 */
export class Outbox {
  /**
   * Called when there is something new to send. What is urgent leaves at once: a command's first output, its end,
   * and what fills a message; the rest may wait a little for company.
   */
  onReady: (urgent: boolean) => void = () => {}
  /** Called when the controller has a command's result, or does not know the command at all. */
  onSettled: (command_id: string) => void = () => {}

  readonly #limits: OutboxLimits
  readonly #queues = new Map<string, ReportQueue>()
  /** Queues with something unsent, in the order in which they take turns. */
  readonly #ready = new Set<ReportQueue>()
  readonly #load: Load = { bytes: 0, unsent: 0 }
  #waiting: { command_id: string; resolve: () => void }[] = []
  #features: ReadonlySet<string> = new Set()

  constructor(limits: OutboxLimits = defaultOutboxLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#load.bytes
  }

  /** Bytes not given out on the present link. */
  get unsent(): number {
    return this.#load.unsent
  }

  /** Every command that is not receipted to its end. */
  commands(): string[] {
    return [...this.#queues.keys()]
  }

  has(command_id: string): boolean {
    return this.#queues.has(command_id)
  }

  /** Opens a command's queue; reports of it go on after number `stored`. */
  open(command_id: string, stored = 0): void {
    if (this.#queues.has(command_id)) return
    this.#queues.set(command_id, new ReportQueue(command_id, stored, this.#load))
  }

  started(command_id: string, draft: StartedDraft): void {
    this.#write(command_id, (head) => ({ ...head, kind: 'started', ...draft }))
  }

  /** Why a command cannot start yet. Told to a controller that knows of such reports, and to no other. */
  waiting(command_id: string, reason: string): void {
    if (!this.#features.has('waiting')) return
    this.#write(command_id, (head) => ({ ...head, kind: 'waiting', reason }))
  }

  /** What the controller of the present link takes beyond the first protocol. */
  takes(features: string[]): void {
    this.#features = new Set(features)
  }

  /** Adds a chunk, to the last unsent report where it carries on the same stream. */
  output(command_id: string, chunk: CutChunk): void {
    const queue = this.#queues.get(command_id)
    if (queue?.extend(chunk)) this.onReady(this.unsent >= MESSAGE_BYTES)
    else this.#write(command_id, (head) => ({ ...head, kind: 'output', ...chunk }), chunk.data)
  }

  /** The last report of a command. */
  result(command_id: string, draft: ResultDraft): void {
    const queue = this.#queues.get(command_id)
    const reason = draft.reason ?? queue?.gap ?? null
    this.#write(command_id, (head) => ({ ...head, kind: 'result', ...draft, reason }))
  }

  /** Whether the command may add output now. One that is not held here any more may: it goes nowhere. */
  hasRoom(command_id: string): boolean {
    const queue = this.#queues.get(command_id)
    return !queue || (queue.bytes < this.#limits.perCommand && this.bytes < this.#limits.total)
  }

  /** The last report of a command whose end this agent has not seen. */
  lost(command_id: string, reason: string): void {
    this.#write(command_id, (head) => ({ ...head, kind: 'lost', reason }))
  }

  /** Resolves when the command may add output again. A receipt frees room; until then its child waits. */
  async room(command_id: string): Promise<void> {
    while (!this.hasRoom(command_id)) {
      await new Promise<void>((resolve) => this.#waiting.push({ command_id, resolve }))
    }
  }

  /** The next reports to send, at most about `maxBytes` of them; queues take turns. Empty when all is sent. */
  take(maxBytes: number): Report[] {
    const batch: Report[] = []
    let room = maxBytes
    while (room > 0) {
      const queue = this.#ready.values().next().value
      if (!queue) break
      // A queue goes behind the others after each turn, so a flood does not hold up a whisper.
      this.#ready.delete(queue)
      const taken = queue.take()
      if (!taken) continue
      batch.push(this.#known(taken.report))
      room -= taken.cost
      if (queue.hasUnsent) this.#ready.add(queue)
    }
    return batch
  }

  /**
   * The controller's first message on a link: the state of each command. One that was set back, by a restored backup
   * or a power cut, may ask for reports that are gone: see `ReportQueue.setBack`.
   */
  confirm(receipts: Receipt[]): void {
    for (const { command_id, stored } of receipts) {
      const queue = this.#queues.get(command_id)
      if (!queue || stored === null) continue
      queue.setBack(stored)
      if (queue.hasUnsent) this.#ready.add(queue)
    }
    this.receipt(receipts)
  }

  /** Frees what the controller has stored. */
  receipt(receipts: Receipt[]): void {
    for (const { command_id, stored } of receipts) {
      const queue = this.#queues.get(command_id)
      if (!queue) continue
      if (stored !== null) queue.free(stored)
      if (stored === null || (queue.state === 'ended' && queue.isEmpty)) this.#settle(queue)
    }
    this.#wake()
  }

  /** Sends again from the first unreceipted report of each command. */
  rewind(): void {
    for (const queue of this.#queues.values()) {
      queue.rewind()
      if (queue.hasUnsent) this.#ready.add(queue)
    }
    if (this.#ready.size > 0) this.onReady(true)
  }

  /** A report that has its number already, in words that every controller knows: no output at all for one of waiting. */
  #known(report: Report): Report {
    if (report.kind !== 'waiting' || this.#features.has('waiting')) return report
    const { command_id, n, timestamp } = report
    return { command_id, n, timestamp, kind: 'output', stream: 'stderr', offset: 0, data: new Uint8Array(0) }
  }

  #write(command_id: string, make: Parameters<ReportQueue['write']>[0], data?: Uint8Array): void {
    const queue = this.#queues.get(command_id)
    const report = queue?.write(make, data)
    if (!queue || !report) return
    this.#ready.add(queue)
    this.onReady(this.#isUrgent(queue, report))
  }

  #isUrgent(queue: ReportQueue, report: Report): boolean {
    if (this.unsent >= MESSAGE_BYTES) return true
    // A short command's output or end follows within moments: one message for both.
    if (report.kind === 'started') return false
    if (report.kind !== 'output') return true
    const first = !queue.spoke
    queue.spoke = true
    return first
  }

  #settle(queue: ReportQueue): void {
    queue.drop()
    this.#queues.delete(queue.command_id)
    this.#ready.delete(queue)
    this.onSettled(queue.command_id)
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const entry of waiting) {
      if (this.hasRoom(entry.command_id)) entry.resolve()
      else this.#waiting.push(entry)
    }
  }
}
