import { createHash, type Hash } from 'node:crypto'
import type { RawCommandResult, StreamName } from '../../../shared/commands/event.js'
import { isOutput } from '../../../shared/commands/event-text.js'
import { OgentError } from '../../../shared/errors.js'
import type { LostReport, Receipt, Report } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { Appended, CommandState, Draft, Entry } from '../../journal/port.js'
import { endedForGood } from '../../journal/state.js'
import type { Log } from '../../telemetry/ports.js'
import { refusedFact } from '../audit-facts.js'
import { type Intake, misfit, newIntake, outputOf, takeIn } from './intake.js'
import { boundedReason } from './report-checks.js'
import { toEvent } from './report-events.js'

/** An intake that may still be read from the journal; `from`: the last report that it was made with. */
type Opening = { intake: Promise<Intake>; open: Intake | undefined; from: number }

/** How often an end that the controller tells is made anew where something came before it meanwhile. */
const LOST_TRIES = 20

export type ReportsOptions = {
  journal: Journal
  /** Bytes of each stream inside a result. */
  maxResultOutputBytes: number
  events: Events
  log: Log
}

/**
 * Takes agents' reports into the journal: repeats dropped, order checked, receipted once committed. A report that cannot
 * be true by what has come before ends its command as lost.
 */
export class Reports {
  readonly #journal: Journal
  readonly #limit: number
  readonly #events: Events
  readonly #log: Log
  readonly #intakes = new Map<string, Opening>()
  /** Commands with a report that is about to be held against the journal; those after it wait for the outcome. */
  readonly #doubted = new Set<string>()

  constructor(options: ReportsOptions) {
    this.#journal = options.journal
    this.#limit = options.maxResultOutputBytes
    this.#events = options.events
    this.#log = options.log
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
   * As `forget`, unless what is kept goes on where the journal ends: after the first message of a new link, reports
   * may come again that were counted here and never stored.
   */
  checkIntake(state: CommandState): void {
    const held = this.#intakes.get(state.record.command_id)
    if (held && held.open?.next !== state.last_report + 1) this.forget(state.record.command_id)
  }

  /** What the journal holds of a command's output: for a result that the controller itself has to write. */
  async storedResult(state: CommandState, reason: string): Promise<RawCommandResult> {
    const hashes = { stdout: createHash('sha256'), stderr: createHash('sha256') }
    const bytes = { stdout: 0, stderr: 0 }
    const intake = await this.#replay(state, (stream, data) => {
      hashes[stream].update(data)
      bytes[stream] += data.length
    })
    const { record } = state
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
    const state = await this.#journal.recentState(command_id)
    // An agent reports its own commands only; the answer about any other makes it drop that one.
    if (!state || state.record.agent_id !== link.agent_id) return unknown
    const drafts: Draft[] = []
    const fresh = endedForGood(state) ? [] : reports.filter(({ n }) => n > state.last_report)
    // Only repeats: no need to read the journal for what will be dropped.
    const intake = fresh.length === 0 ? undefined : await this.#intake(state)
    let lost: LostReport | undefined
    let doubted = false
    for (const report of intake ? fresh : []) {
      if (!intake || report.n !== intake.next) continue
      if (misfit(report, state, intake) !== undefined) {
        doubted = true
        this.#doubted.add(command_id)
        break
      }
      intake.next += 1
      // Always the last one of a command.
      if (report.kind === 'lost') {
        lost = report
        break
      }
      if (report.kind === 'output') takeIn(intake, report.stream, report.data)
      if (report.kind === 'started') intake.started = true
      if (report.kind === 'waiting') intake.waits += 1
      drafts.push({ report: report.n, event: toEvent(report, state, intake) })
    }
    let appended = await this.#append(command_id, drafts)
    if (lost && appended) appended = await this.#appendLost(appended, lost.n, lost.reason)
    if (!appended) {
      this.#doubted.delete(command_id)
      return unknown
    }
    this.#checkReach(fresh, appended.state)
    this.#placed(appended, drafts.length > 0 || lost !== undefined, state, intake)
    await appended.committed
    if (doubted) {
      return this.#doubt(link, command_id, reports).finally(() => this.#doubted.delete(command_id))
    }
    const stored = appended.state.last_report
    // An agent that was killed before it heard that its result is stored reports the command as lost.
    if (endedForGood(appended.state) && reports.some(({ n }) => n > stored)) return unknown
    return { command_id, stored }
  }

  /**
   * What was kept in memory may have missed something, so that the journal itself is asked before a report is taken for
   * untrue.
   */
  async #doubt(link: AgentLink, command_id: string, reports: Report[]): Promise<Receipt> {
    this.#intakes.delete(command_id)
    const state = await this.#journal.state(command_id)
    if (!state || endedForGood(state)) return { command_id, stored: null }
    const intake = await this.#intake(state)
    const report = reports.find(({ n }) => n === intake.next)
    const why = report && misfit(report, state, intake)
    if (!report || why === undefined) return this.#acceptCommand(link, command_id, reports)
    const { agent_id } = link
    this.#log.warn(
      { command_id, agent_id, cause: why },
      'a report of an agent cannot be true, its command is ended',
    )
    const reason = `The agent's report does not fit what it sent before: ${why}. How the command ended is not known.`
    const before: Appended = { entries: [], state, committed: Promise.resolve() }
    const appended = await this.#appendLost(before, report.n, reason)
    if (appended) this.#placed(appended, true, state, intake)
    // Nothing that the command does from here on would be shown.
    const requested_by = 'the controller'
    if (link.hasRoom) link.push({ type: 'cancel_command_event', command_id, requested_by })
    await appended?.committed
    return { command_id, stored: null }
  }

  /**
   * A store that was set back under a live link lacks what its agent holds for stored. Sent again for ever, the next
   * report would never fit: a new link begins with the state of each command, and its agent goes on from there.
   */
  #checkReach([first]: Report[], state: CommandState): void {
    if (!first || endedForGood(state) || first.n <= state.last_report + 1) return
    const { command_id } = state.record
    if (this.#doubted.has(command_id)) return
    this.#intakes.delete(command_id)
    const between = `reports ${state.last_report + 1} to ${first.n - 1} of command ${command_id} are not stored`
    throw new OgentError('CONNECTION_LOST', `Say hello again: ${between}.`)
  }

  /** `tried`: also where nothing was placed, since a try whose answer was lost may have placed it. */
  #placed(appended: Appended, tried: boolean, state: CommandState, intake: Intake | undefined): void {
    const { command_id } = state.record
    if (tried) {
      const { agent_id, status } = appended.state.record
      const ended = appended.state.result_seq !== undefined
      this.#events.publish({ type: 'command_reported', command_id, agent_id, status, ended })
    }
    if (intake) this.#count(appended.entries, state, intake)
    if (appended.state.result_seq !== undefined) this.#intakes.delete(command_id)
  }

  async #append(command_id: string, drafts: Draft[]): Promise<Appended | undefined> {
    try {
      return await this.#journal.append(command_id, drafts)
    } catch (error) {
      // What was counted in was not stored.
      this.#intakes.delete(command_id)
      this.#doubted.delete(command_id)
      throw error
    }
  }

  #count(entries: Entry[], state: CommandState, intake: Intake): void {
    for (const { event } of entries) {
      if (isOutput(event)) {
        this.#events.publish({ type: 'output_stored', stream: event.stream, bytes: event.bytes })
        if (intake.spoke) continue
        intake.spoke = true
        const delay_ms = Math.max(Date.now() - Date.parse(state.record.created_at), 0)
        this.#events.publish({ type: 'first_output', delay_ms })
      } else if (event.type === 'command_result') {
        const { command_id, agent_id, status, result } = event
        const { duration_ms } = result
        this.#events.publish({ type: 'command_ended', command_id, agent_id, status, duration_ms })
        if (status === 'refused') this.#events.publish({ type: 'audited', ...refusedFact(event) })
      }
    }
  }

  /** The end that an agent cannot tell: with all that was stored before it, by whichever controller. */
  async #appendLost(before: Appended, n: number, reason: string): Promise<Appended | undefined> {
    let { state } = before
    const { command_id, agent_id, command } = state.record
    for (let tries = 0; tries < LOST_TRIES; tries++) {
      // Stored already, or something that comes before it is not.
      if (state.last_report !== n - 1 || endedForGood(state)) break
      const result = await this.storedResult(state, boundedReason(reason))
      const base = { type: 'command_result', command_id, agent_id, command, status: 'lost' } as const
      const event = { ...base, result, timestamp: result.timestamp }
      const appended = await this.#append(command_id, [{ report: n, event, ifLast: state.last_seq }])
      if (!appended || appended.entries.length > 0)
        return appended && { ...appended, entries: [...before.entries, ...appended.entries] }
      state = appended.state
    }
    return { ...before, state }
  }

  /** The intake of a command, made anew from the journal where this process has not seen its beginning. */
  #intake(state: CommandState): Promise<Intake> {
    const { command_id } = state.record
    const held = this.#intakes.get(command_id)
    // Behind the journal: the agent was with another controller meanwhile, which has placed more.
    const isBehind = held && (held.open ? held.open.next - 1 : held.from) < state.last_report
    if (held && !isBehind) return held.intake
    const intake =
      state.last_report === 0 ? Promise.resolve(newIntake(1, this.#limit, state)) : this.#replay(state)
    const opening: Opening = { intake, open: undefined, from: state.last_report }
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

  async #replay(
    state: CommandState,
    onOutput?: (stream: StreamName, data: Uint8Array) => void,
  ): Promise<Intake> {
    const intake = newIntake(state.last_report + 1, this.#limit, state)
    const { command_id } = state.record
    let last = 0
    for await (const { seq, event } of this.#journal.upTo(command_id, state.last_seq)) {
      last = seq
      if (event.type === 'command_progress' && event.state === 'waiting') intake.waits += 1
      if (!isOutput(event)) continue
      intake.spoke = true
      takeIn(intake, event.stream, event.data)
      onOutput?.(event.stream, event.data)
    }
    intake.whole = last === state.last_seq
    return intake
  }
}

function hex(hash: Hash): string {
  return hash.digest('hex')
}
