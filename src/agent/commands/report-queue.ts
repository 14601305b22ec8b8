import { MAX_CHUNK_BYTES, type Report } from '../../shared/link/protocol.js'
import type { CutChunk } from './output.js'

/** What all queues hold together, in bytes, and how much of it was not given out on the present link. */
export type Load = { bytes: number; unsent: number }

type Numbered = { command_id: string; n: number; timestamp: string }
type Held = { report: Report; cost: number; parts?: Uint8Array[]; size: number }

/** What a report costs besides its bytes, so that a flood of tiny ones is bounded too. */
const REPORT_OVERHEAD = 256

const SET_BACK =
  'The controller was set back to an earlier state while the command ran; what it wrote after that is missing.'

/**
 * What a queue takes. `open`: every report; `gapped`: no more output, since some before it is missing at the controller;
 * `ended`: nothing, its last report is written; `dropped`: nothing, and it holds nothing.
 */
export type QueueState = 'open' | 'gapped' | 'ended' | 'dropped'

/** One command's reports: numbered, in order, kept from the first unreceipted to the last written. */
export class ReportQueue {
  readonly command_id: string
  bytes = 0
  /** Whether it has written output before. */
  spoke = false

  readonly #load: Load
  #state: QueueState = 'open'
  /** Why output is missing; see `setBack`. */
  #gap: string | undefined
  #held: Held[] = []
  /** Number of the last report written. */
  #written: number
  /** Highest number given out to be sent on the present link. */
  #sent: number
  /** Highest number that the controller has stored. */
  #stored: number
  /** Its start, to be told again to a controller that has forgotten it. */
  #begun: Report | undefined
  #lastOutput = 0

  constructor(command_id: string, stored: number, load: Load) {
    this.command_id = command_id
    this.#load = load
    this.#written = stored
    this.#sent = stored
    this.#stored = stored
  }

  get state(): QueueState {
    return this.#state
  }

  /** Why output is missing at the controller; undefined where none is. */
  get gap(): string | undefined {
    return this.#gap
  }

  get hasUnsent(): boolean {
    return this.#sent < this.#written
  }

  get isEmpty(): boolean {
    return this.#held.length === 0
  }

  /**
   * Adds the next report; one with output takes its bytes apart, so that more can be added to it. Undefined where the
   * state does not take it.
   */
  write(make: (head: Numbered) => Report, data?: Uint8Array): Report | undefined {
    const { command_id } = this
    const report = make({ command_id, n: this.#written + 1, timestamp: new Date().toISOString() })
    if (!takes(this.#state, report)) return undefined
    this.#written = report.n
    if (report.kind === 'started') this.#begun = report
    if (report.kind === 'output') this.#lastOutput = report.n
    if (isLast(report)) this.#state = 'ended'
    this.#hold(data ? { report, cost: 0, parts: [data], size: data.length } : { report, cost: 0, size: 0 })
    return report
  }

  /** Adds a chunk to the last report, where that is unsent, of the same stream and not too long; else false. */
  extend(chunk: CutChunk): boolean {
    if (this.#state !== 'open') return false
    const last = this.#held.at(-1)
    if (!last?.parts || last.report.n <= this.#sent || last.report.kind !== 'output') return false
    const { stream, offset } = last.report
    if (stream !== chunk.stream || offset + last.size !== chunk.offset) return false
    if (last.size + chunk.data.length > MAX_CHUNK_BYTES) return false
    addPart(last.parts, chunk.data)
    last.size += chunk.data.length
    this.#account(last, chunk.data.length)
    return true
  }

  /** Gives out the next unsent report, and what it costs. */
  take(): { report: Report; cost: number } | undefined {
    const held = this.#held[this.#sent - this.#stored]
    if (!held) return undefined
    seal(held)
    this.#sent = held.report.n
    this.#load.unsent -= held.cost
    return held
  }

  /** Nothing after the last receipt counts as sent. */
  rewind(): void {
    for (const held of this.#held.slice(0, this.#sent - this.#stored)) this.#load.unsent += held.cost
    this.#sent = this.#stored
  }

  /** Forgets what the controller has stored. */
  free(stored: number): void {
    if (stored <= this.#stored) return
    const count = Math.min(stored - this.#stored, this.#held.length)
    for (const held of this.#held.splice(0, count)) {
      // Sent on a link before this one, and receipted only now.
      if (held.report.n > this.#sent) this.#load.unsent -= held.cost
      this.bytes -= held.cost
      this.#load.bytes -= held.cost
    }
    this.#stored += count
    if (this.#sent < this.#stored) this.#sent = this.#stored
  }

  /**
   * Goes back to a controller's earlier state, whose next reports are gone here: its start and its end are reported
   * again, but no more output, which would leave a hole in the middle. Does nothing where the state is none of before.
   */
  setBack(stored: number): void {
    if (stored >= this.#stored || this.#state === 'dropped') return
    if (this.#lastOutput > stored) this.#gap ??= SET_BACK
    if (this.#gap !== undefined && this.#state === 'open') this.#state = 'gapped'
    const begun = this.#begun && this.#begun.n > stored ? this.#begun : undefined
    const end = this.#held.at(-1)?.report
    this.#release()
    this.#stored = stored
    this.#sent = stored
    this.#written = stored
    if (begun) this.#begun = this.#again(begun)
    if (end?.kind === 'result') this.#again({ ...end, reason: end.reason ?? this.#gap ?? null })
    if (end?.kind === 'lost') this.#again(end)
  }

  /** Forgets all that is held, for good. */
  drop(): void {
    this.#release()
    this.#stored = this.#written
    this.#sent = this.#written
    this.#state = 'dropped'
  }

  #release(): void {
    for (const held of this.#held.slice(this.#sent - this.#stored)) this.#load.unsent -= held.cost
    this.#load.bytes -= this.bytes
    this.#held = []
    this.bytes = 0
  }

  #again(report: Report): Report {
    this.#written += 1
    const renumbered = { ...report, n: this.#written }
    this.#hold({ report: renumbered, cost: 0, size: 0 })
    return renumbered
  }

  #hold(held: Held): void {
    this.#held.push(held)
    this.#account(held, REPORT_OVERHEAD + held.size)
  }

  #account(held: Held, cost: number): void {
    held.cost += cost
    this.bytes += cost
    this.#load.bytes += cost
    this.#load.unsent += cost
  }
}

function takes(state: QueueState, report: Report): boolean {
  switch (state) {
    case 'open':
      return true
    case 'gapped':
      return report.kind !== 'output'
    case 'ended':
    case 'dropped':
      return false
  }
}

function isLast({ kind }: Report): boolean {
  return kind === 'result' || kind === 'lost'
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
