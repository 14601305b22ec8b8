import { createHash, type Hash } from 'node:crypto'
import type { RawCommandEvent, RawCommandResult, StreamName } from '../../shared/event.js'
import { isOutput } from '../../shared/event.js'
import type { LostReport, Receipt, Report, ResultReport } from '../../shared/link.js'
import type { AgentLink } from './agent-link.js'
import { Excerpt } from './excerpt.js'
import { endedForGood } from './head.js'
import type { Appended, Draft, Entry, Head, Journal } from './journal.js'
import type { Meters } from './ports.js'

/** A chunk smaller than this is copied out of the frame that it came in, or it would keep the frame alive. */
const SMALL_CHUNK = 4096

/** One open command's way from reports to events: what is next, what its result will show, whether it wrote. */
type Intake = { next: number; stdout: Excerpt; stderr: Excerpt; spoke: boolean }
/** An intake that may still be read from the journal; `from`: the last report that it was made with. */
type Opening = { intake: Promise<Intake>; open: Intake | undefined; from: number }

/** How often an end that the controller tells is made anew where something came before it meanwhile. */
const LOST_TRIES = 20

export type ReportsOptions = {
  journal: Journal
  /** Bytes of each stream inside a result. */
  maxResultOutputBytes: number
  meters: Meters
}

/** Takes agents' reports into the journal: repeats dropped, order checked, receipted once committed. */
export class Reports {
  /** Called for each command whose reports were placed, with where it stands now. */
  onPlaced: (head: Head) => void = () => {}

  readonly #journal: Journal
  readonly #limit: number
  readonly #meters: Meters
  readonly #intakes = new Map<string, Opening>()

  constructor(options: ReportsOptions) {
    this.#journal = options.journal
    this.#limit = options.maxResultOutputBytes
    this.#meters = options.meters
  }

  /** Resolves when all of it is committed, with what is stored of each command. */
  async accept(link: AgentLink, reports: Report[]): Promise<Receipt[]> {
    const perCommand = new Map<string, Report[]>()
    for (const report of reports) {
      const list = perCommand.get(report.command_id)
      if (list) list.push(report)
      else perCommand.set(report.command_id, [report])
    }
    return Promise.all([...perCommand].map(([id, list]) => this.#acceptCommand(link, id, list)))
  }

  /** Forgets what is kept of an open command; it is read from the journal again if its agent comes back. */
  forget(command_id: string): void {
    this.#intakes.delete(command_id)
  }

  /**
   * As `forget`, unless what is kept goes on where the journal stands: after the first word of a new link, reports may
   * come again that were counted here and never stored.
   */
  checkIntake(head: Head): void {
    const held = this.#intakes.get(head.record.command_id)
    if (held && held.open?.next !== head.last_report + 1) this.forget(head.record.command_id)
  }

  /** What the journal holds of a command's output: for a result that the controller itself has to write. */
  async storedResult(head: Head, reason: string): Promise<RawCommandResult> {
    const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') }
    const bytes = { stdout: 0, stderr: 0 }
    const intake = await this.#replay(head, (stream, data) => {
      hashes[stream].update(data)
      bytes[stream] += data.length
    })
    const { record } = head
    const started = record.started_at === null ? undefined : Date.parse(record.started_at)
    return {
      ...outputOf(intake),
      command: record.command,
      execution_type: record.execution_type ?? (record.execution_target === 'ssh' ? 'ssh' : 'local'),
      target: record.target ?? '',
      exit_code: null,
      signal: null,
      reason,
      duration_ms: started === undefined ? 0 : Math.max(Date.now() - started, 0),
      stdout_bytes: bytes.stdout,
      stderr_bytes: bytes.stderr,
      stdout_sha256: hex(hashes.stdout),
      stderr_sha256: hex(hashes.stderr),
      timestamp: new Date().toISOString(),
    }
  }

  async #acceptCommand(link: AgentLink, command_id: string, reports: Report[]): Promise<Receipt> {
    const unknown: Receipt = { command_id, stored: null }
    const head = await this.#journal.recentHead(command_id)
    // An agent tells of its own commands only; of others it is told to drop them.
    if (!head || head.record.agent_id !== link.agent_id) return unknown
    const drafts: Draft[] = []
    const fresh = reports.filter(({ n }) => n > head.last_report)
    // Only repeats: no need to read the journal for what will be dropped.
    const intake = fresh.length === 0 ? undefined : await this.#intake(head)
    let lost: LostReport | undefined
    for (const report of intake ? fresh : []) {
      if (!intake || report.n !== intake.next) continue
      intake.next += 1
      // Always the last one of a command.
      if (report.kind === 'lost') {
        lost = report
        break
      }
      if (report.kind === 'output') intake[report.stream].add(report.data)
      drafts.push({ report: report.n, event: toEvent(report, head, intake) })
    }
    let appended = await this.#append(command_id, drafts)
    if (lost && appended) appended = await this.#appendLost(lost, appended)
    if (!appended) return unknown
    // Even if nothing was placed: it may have been, by a try whose answer was lost.
    if (drafts.length > 0 || lost) this.onPlaced(appended.head)
    if (intake) this.#count(appended.entries, head, intake)
    if (appended.head.result_seq !== undefined) this.#intakes.delete(command_id)
    await appended.committed
    const stored = appended.head.last_report
    // An agent that was killed before it heard that its result is stored reports the command as lost.
    if (endedForGood(appended.head) && reports.some(({ n }) => n > stored)) return unknown
    return { command_id, stored }
  }

  async #append(command_id: string, drafts: Draft[]): Promise<Appended | undefined> {
    try {
      return await this.#journal.append(command_id, drafts)
    } catch (error) {
      // What was counted in was not stored.
      this.#intakes.delete(command_id)
      throw error
    }
  }

  #count(entries: Entry[], head: Head, intake: Intake): void {
    for (const { event } of entries) {
      if (isOutput(event)) {
        this.#meters.output(event.stream, event.bytes)
        if (intake.spoke) continue
        intake.spoke = true
        this.#meters.firstByte(Math.max(Date.now() - Date.parse(head.record.created_at), 0) / 1000)
      } else if (event.type === 'command_result') {
        this.#meters.ended(event.command_id, event.status, event.result.duration_ms / 1000)
      }
    }
  }

  /** The end that an agent cannot tell: with all that was stored before it, by whichever controller. */
  async #appendLost(report: LostReport, before: Appended): Promise<Appended | undefined> {
    const { command_id, timestamp, n } = report
    let { head } = before
    for (let tries = 0; tries < LOST_TRIES; tries++) {
      // Stored already, or something that comes before it is not.
      if (head.last_report !== n - 1 || endedForGood(head)) break
      const { agent_id, command } = head.record
      const result = await this.storedResult(head, report.reason)
      const base = { type: 'command_result', command_id, agent_id, command, status: 'lost' } as const
      const draft: Draft = { report: n, event: { ...base, result, timestamp }, ifLast: head.last_seq }
      const appended = await this.#append(command_id, [draft])
      if (!appended || appended.entries.length > 0)
        return appended && { ...appended, entries: [...before.entries, ...appended.entries] }
      head = appended.head
    }
    return { ...before, head }
  }

  /** The intake of a command, made anew from the journal where this process has not seen its beginning. */
  #intake(head: Head): Promise<Intake> {
    const { command_id } = head.record
    const held = this.#intakes.get(command_id)
    // Behind the journal: the agent was with another controller meanwhile, which has placed more.
    const isBehind = held && (held.open ? held.open.next - 1 : held.from) < head.last_report
    if (held && !isBehind) return held.intake
    const intake = head.last_report === 0 ? Promise.resolve(this.#fresh(1)) : this.#replay(head)
    const opening: Opening = { intake, open: undefined, from: head.last_report }
    this.#intakes.set(command_id, opening)
    intake.then(
      (open) => {
        opening.open = open
      },
      () => {
        if (this.#intakes.get(command_id) === opening) this.#intakes.delete(command_id)
      },
    )
    return intake
  }

  async #replay(head: Head, onOutput?: (stream: StreamName, data: Uint8Array) => void): Promise<Intake> {
    const intake = this.#fresh(head.last_report + 1)
    const { command_id } = head.record
    for await (const { event } of this.#journal.upTo(command_id, head.last_seq)) {
      if (!isOutput(event)) continue
      intake.spoke = true
      intake[event.stream].add(event.data)
      onOutput?.(event.stream, event.data)
    }
    return intake
  }

  #fresh(next: number): Intake {
    return { next, stdout: new Excerpt(this.#limit), stderr: new Excerpt(this.#limit), spoke: false }
  }
}

/** An agent's report as the journal keeps it. */
function toEvent(report: Exclude<Report, LostReport>, head: Head, intake: Intake): RawCommandEvent {
  const { command_id, timestamp } = report
  const base = { type: 'command_progress', command_id, timestamp } as const
  switch (report.kind) {
    case 'started': {
      const { execution_type, target, pid } = report
      return { ...base, state: 'started', execution_type, target, ...(pid === undefined ? {} : { pid }) }
    }
    case 'waiting':
      return { ...base, state: 'waiting', reason: report.reason }
    case 'output': {
      const { stream, offset } = report
      const data = report.data.length < SMALL_CHUNK ? Uint8Array.from(report.data) : report.data
      return { ...base, state: 'output', stream, data, offset, bytes: data.length }
    }
    case 'result':
      return {
        type: 'command_result',
        command_id,
        agent_id: head.record.agent_id,
        command: head.record.command,
        status: report.status,
        result: toResult(report, head, intake),
        timestamp,
      }
  }
}

function toResult(report: ResultReport, head: Head, intake: Intake): RawCommandResult {
  const { kind: _kind, n: _n, command_id: _id, status: _status, ...exit } = report
  const output = outputOf(intake, report)
  return {
    ...exit,
    ...output,
    // Past MAX_OUTPUT_BYTES the agent counts what it no longer sends.
    stdout_truncated: output.stdout_truncated || intake.stdout.total < report.stdout_bytes,
    stderr_truncated: output.stderr_truncated || intake.stderr.total < report.stderr_bytes,
    command: head.record.command,
  }
}

/** `written`: how much the command wrote, where its agent has told. */
function outputOf(intake: Intake, written?: Pick<ResultReport, 'stdout_bytes' | 'stderr_bytes'>) {
  return {
    stdout: intake.stdout.bytes(written?.stdout_bytes),
    stderr: intake.stderr.bytes(written?.stderr_bytes),
    stdout_truncated: intake.stdout.truncated,
    stderr_truncated: intake.stderr.truncated,
  }
}

function hex(hash: Hash): string {
  return hash.digest('hex')
}
