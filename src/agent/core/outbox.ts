import { MAX_CHUNK_BYTES, type Receipt, type Report } from '../../shared/link.js'
import type { CommandStatus, ExecutionType, ExitReport } from '../../shared/result.js'
import type { CutChunk } from './output.js'

export type OutboxLimits = {
  /** Bytes of unreceipted output one command may hold before its child has to wait. */
  perCommand: number
  /** The same for all commands together. */
  total: number
}

export const defaultOutboxLimits: OutboxLimits = { perCommand: 3 * 1024 * 1024, total: 48 * 1024 * 1024 }

export type StartedDraft = { execution_type: ExecutionType; target: string; pid: number | undefined }
export type ResultDraft = ExitReport & { status: CommandStatus }

/** Reports of about so many bytes share a message. */
export const MESSAGE_BYTES = 256 * 1024

/** What a report costs besides its bytes, so that a flood of tiny ones is bounded too. */
const REPORT_OVERHEAD = 256

type Held = { report: Report; cost: number; parts?: Uint8Array[]; size: number }

/** One command's reports: numbered, in order, kept from the first unreceipted to the last written. */
type Lane = {
  command_id: string
  held: Held[]
  /** Number of the last report written. */
  written: number
  /** Highest number given out to be sent on the present link. */
  sent: number
  /** Highest number that the controller has stored. */
  stored: number
  bytes: number
  /** Whether it has written output before. */
  spoke: boolean
  ended: boolean
}

/**
 * The reports that the controller has not receipted. It is bounded in bytes: when a command's share is full,
 * `room` does not resolve and its child's pipe is left unread, so the child waits as on any full pipe.
 * Started and result reports are always taken: they are few and small. Nothing is dropped.
 */
export class Outbox {
  /**
   * Called when there is something new to send. What is urgent leaves at once: a command's first output, its end,
   * and whatever fills a message; the rest may wait a little for company.
   */
  onReady: (urgent: boolean) => void = () => {}
  /** Called when the controller has a command's result, or does not know the command at all. */
  onSettled: (command_id: string) => void = () => {}

  readonly #limits: OutboxLimits
  readonly #lanes = new Map<string, Lane>()
  /** Lanes with something unsent, in the order in which they take turns. */
  readonly #ready = new Set<Lane>()
  #waiting: { command_id: string; resolve: () => void }[] = []
  #bytes = 0
  /** Of these, what was not given out on the present link. */
  #unsent = 0

  constructor(limits: OutboxLimits = defaultOutboxLimits) {
    this.#limits = limits
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Bytes not given out on the present link. */
  get unsent(): number {
    return this.#unsent
  }

  /** Every command that is not receipted to its end. */
  commands(): string[] {
    return [...this.#lanes.keys()]
  }

  has(command_id: string): boolean {
    return this.#lanes.has(command_id)
  }

  /** Opens a command's lane; reports of it go on after number `stored`. */
  open(command_id: string, stored = 0): void {
    if (this.#lanes.has(command_id)) return
    this.#lanes.set(command_id, {
      command_id,
      held: [],
      written: stored,
      sent: stored,
      stored,
      bytes: 0,
      spoke: false,
      ended: false,
    })
  }

  started(command_id: string, draft: StartedDraft): void {
    this.#write(command_id, (head) => ({ ...head, kind: 'started', ...draft }))
  }

  /** Adds a chunk, to the last unsent report where it carries on the same stream. */
  output(command_id: string, chunk: CutChunk): void {
    const lane = this.#lanes.get(command_id)
    if (!lane) return
    const last = lane.held.at(-1)
    if (
      last?.parts &&
      last.report.n > lane.sent &&
      last.report.kind === 'output' &&
      last.report.stream === chunk.stream &&
      last.report.offset + last.size === chunk.offset &&
      last.size + chunk.data.length <= MAX_CHUNK_BYTES
    ) {
      addPart(last.parts, chunk.data)
      last.size += chunk.data.length
      this.#account(lane, last, chunk.data.length)
      this.onReady(this.#unsent >= MESSAGE_BYTES)
      return
    }
    this.#write(command_id, (head) => ({ ...head, kind: 'output', ...chunk }), chunk.data)
  }

  /** The last report of a command. */
  result(command_id: string, draft: ResultDraft): void {
    this.#write(command_id, (head) => ({ ...head, kind: 'result', ...draft }))
    const lane = this.#lanes.get(command_id)
    if (lane) lane.ended = true
  }

  /** Whether the command may add output now. One that is not held here any more may: it goes nowhere. */
  hasRoom(command_id: string): boolean {
    const lane = this.#lanes.get(command_id)
    return !lane || (lane.bytes < this.#limits.perCommand && this.#bytes < this.#limits.total)
  }

  /** The last report of a command whose end this agent has not seen. */
  lost(command_id: string, reason: string): void {
    this.#write(command_id, (head) => ({ ...head, kind: 'lost', reason }))
    const lane = this.#lanes.get(command_id)
    if (lane) lane.ended = true
  }

  /** Resolves when the command may add output again. A receipt frees room; until then its child waits. */
  async room(command_id: string): Promise<void> {
    while (!this.hasRoom(command_id)) {
      await new Promise<void>((resolve) => this.#waiting.push({ command_id, resolve }))
    }
  }

  /** The next reports to send, at most about `maxBytes` of them; lanes take turns. Empty when all is sent. */
  take(maxBytes: number): Report[] {
    const batch: Report[] = []
    let room = maxBytes
    while (room > 0) {
      const lane = this.#ready.values().next().value
      if (!lane) break
      // A lane goes behind the others after each turn, so a flood does not hold up a whisper.
      this.#ready.delete(lane)
      const held = lane.held[lane.sent - lane.stored]
      if (!held) continue
      seal(held)
      batch.push(held.report)
      lane.sent = held.report.n
      room -= held.cost
      this.#unsent -= held.cost
      if (lane.sent < lane.written) this.#ready.add(lane)
    }
    return batch
  }

  /** Frees what the controller has stored. */
  receipt(receipts: Receipt[]): void {
    for (const { command_id, stored } of receipts) {
      const lane = this.#lanes.get(command_id)
      if (!lane) continue
      if (stored === null) this.#settle(lane)
      else this.#free(lane, stored)
    }
    this.#wake()
  }

  /** Sends again from the first unreceipted report: for all commands, or one whose reports left a gap. */
  rewind(command_id?: string): void {
    for (const lane of this.#lanes.values()) {
      if (command_id !== undefined && lane.command_id !== command_id) continue
      for (const held of lane.held.slice(0, lane.sent - lane.stored)) this.#unsent += held.cost
      lane.sent = lane.stored
      if (lane.sent < lane.written) this.#ready.add(lane)
    }
    if (this.#ready.size > 0) this.onReady(true)
  }

  #write(
    command_id: string,
    make: (head: { command_id: string; n: number; timestamp: string }) => Report,
    data?: Uint8Array,
  ): void {
    const lane = this.#lanes.get(command_id)
    if (!lane || lane.ended) return
    lane.written += 1
    const report = make({ command_id, n: lane.written, timestamp: new Date().toISOString() })
    const held: Held = data
      ? { report, cost: 0, parts: [data], size: data.length }
      : { report, cost: 0, size: 0 }
    lane.held.push(held)
    this.#account(lane, held, REPORT_OVERHEAD + held.size)
    this.#ready.add(lane)
    this.onReady(this.#isUrgent(lane, report))
  }

  #isUrgent(lane: Lane, report: Report): boolean {
    if (this.#unsent >= MESSAGE_BYTES) return true
    // A short command's output or end follows within moments: one message for both.
    if (report.kind === 'started') return false
    if (report.kind !== 'output') return true
    const first = !lane.spoke
    lane.spoke = true
    return first
  }

  #account(lane: Lane, held: Held, cost: number): void {
    held.cost += cost
    this.#unsent += cost
    lane.bytes += cost
    this.#bytes += cost
  }

  #free(lane: Lane, stored: number): void {
    if (stored <= lane.stored) return
    const count = Math.min(stored - lane.stored, lane.held.length)
    for (const held of lane.held.splice(0, count)) {
      // Sent on a link before this one, and receipted only now.
      if (held.report.n > lane.sent) this.#unsent -= held.cost
      lane.bytes -= held.cost
      this.#bytes -= held.cost
    }
    lane.stored += count
    if (lane.sent < lane.stored) lane.sent = lane.stored
    if (lane.ended && lane.held.length === 0) this.#settle(lane)
  }

  #settle(lane: Lane): void {
    this.#bytes -= lane.bytes
    for (const held of lane.held.slice(lane.sent - lane.stored)) this.#unsent -= held.cost
    lane.held = []
    lane.bytes = 0
    this.#lanes.delete(lane.command_id)
    this.#ready.delete(lane)
    this.onSettled(lane.command_id)
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

/** A part that follows the last one in the very same buffer lengthens it: nothing is to be copied then. */
function addPart(parts: Uint8Array[], data: Uint8Array): void {
  const last = parts.at(-1)
  if (last?.buffer !== data.buffer || last.byteOffset + last.length !== data.byteOffset) {
    parts.push(data)
    return
  }
  parts[parts.length - 1] = new Uint8Array(last.buffer, last.byteOffset, last.length + data.length)
}

/** Makes one chunk of the gathered parts; from here on the report is never changed again. */
function seal(held: Held): void {
  if (!held.parts || held.report.kind !== 'output') return
  const [only] = held.parts
  if (held.parts.length === 1 && only) {
    held.report = { ...held.report, data: only }
  } else {
    const data = new Uint8Array(held.size)
    let at = 0
    for (const part of held.parts) {
      data.set(part, at)
      at += part.length
    }
    held.report = { ...held.report, data }
  }
  delete held.parts
}
