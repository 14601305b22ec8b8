import type { RawCommandEvent } from '../../../shared/commands/event.js'
import type { CommandStatus } from '../../../shared/commands/result.js'
import type { ErrorCode } from '../../../shared/errors.js'
import type { Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Log } from '../../telemetry/ports.js'
import type { Reports } from '../intake/reports.js'
import type { OpenCommand, OpenCommands } from './open-commands.js'

export type CommandExpiryOptions = {
  journal: Journal
  reports: Reports
  log: Log
  events: Events
  /** How long an agent may be offline before its open commands are given up as lost, in ms. */
  graceMs: number
  open: OpenCommands
  /** Whether it is for this controller to give up a command of an agent that is offline. */
  isOffline: (open: OpenCommand) => Promise<boolean>
}

/** A verdict that fell because there was more to see is given anew after so long, in ms. */
const AGAIN_MS = 500

/** A sentence, or an error of which `code` is for programs. */
export type EndReason = string | { code: ErrorCode; sentence: string }

/** What a controller itself says of a command: that its agent went or came, and how it ended where no agent can tell. */
export class CommandExpiry {
  readonly #options: CommandExpiryOptions
  #closed = false

  constructor(options: CommandExpiryOptions) {
    this.#options = options
  }

  /** Says nothing more. */
  close(): void {
    this.#closed = true
  }

  /** Ends the command as never sent, once it has waited so long, in ms. */
  expireAfter(open: OpenCommand, ms: number): void {
    this.#setTimer(open, ms, () => this.expire(open))
  }

  expire(open: OpenCommand): Promise<void> {
    const sentence = `Agent ${open.agent_id} did not come in time; the command was not run.`
    return this.withdraw(open, 'error', { code: 'AGENT_OFFLINE', sentence })
  }

  /**
   * Ends a command whose order has not left. Its link may have room before that is written: from now on the order does not
   * leave, and an end that fails is tried again.
   */
  async withdraw(open: OpenCommand, status: CommandStatus, reason: EndReason): Promise<void> {
    open.order = 'withdrawn'
    try {
      await this.end(open, status, reason)
    } catch (error) {
      this.endSoon(open, status, reason)
      throw error
    }
  }

  /** Gives the command up unless its agent comes back in this time, in ms: the grace, or what is left of it. */
  loseAfter(open: OpenCommand, ms = this.#options.graceMs): void {
    const seconds = this.#options.graceMs / 1000
    const reason = `The agent was offline for more than ${seconds} s; how the command ended is not known.`
    this.#setTimer(open, ms, () => this.end(open, 'lost', reason, () => this.#options.isOffline(open)))
  }

  async note(command_id: string, state: 'agent_lost' | 'agent_back'): Promise<void> {
    const timestamp = new Date().toISOString()
    const event: RawCommandEvent = { type: 'command_progress', command_id, state, timestamp }
    await this.#options.journal.append(command_id, [{ event, unlessEnded: state === 'agent_lost' }])
  }

  /** As `note`, in the background. */
  noteSoon(command_id: string, state: 'agent_lost' | 'agent_back'): void {
    this.note(command_id, state).catch((error) => this.failed(command_id, error))
  }

  /** As `end`, in the background, and again until it is done. */
  endSoon(open: OpenCommand, status: CommandStatus, reason: EndReason): void {
    this.#setTimer(open, 0, () => this.end(open, status, reason))
  }

  /** The controller's own end of a command. An agent's truth that comes later still wins over `lost`. */
  async end(
    open: OpenCommand,
    status: CommandStatus,
    reason: EndReason,
    stillHolds?: () => Promise<boolean>,
  ): Promise<void> {
    const { journal, reports, events, log } = this.#options
    const { command_id, agent_id } = open
    const state = await journal.state(command_id)
    if (!state || state.result_seq !== undefined) return this.#options.open.remove(open)
    const event = await this.#resultEvent(state, status, reason)
    // Much output takes a while to be read: the agent may be back by now.
    if (stillHolds && !(await stillHolds())) return
    // Anything stored meanwhile, such as output or the agent's return, invalidates a decision made before it.
    const draft = { event, unlessEnded: true, ifLast: state.last_seq }
    const appended = await journal.append(command_id, [draft])
    if (appended?.entries.length === 0 && appended.state.result_seq === undefined) {
      return this.#setTimer(open, AGAIN_MS, () => this.end(open, status, reason, stillHolds))
    }
    if (appended && appended.entries.length > 0) {
      const { duration_ms } = event.result
      events.publish({ type: 'command_ended', command_id, agent_id, status, duration_ms })
    }
    log.info({ command_id, agent_id, status }, 'command ended by the controller')
    reports.forget(command_id)
    this.#options.open.remove(open)
    await appended?.committed
  }

  /** Said of what was done in the background and failed. */
  failed(command_id: string, error: unknown): void {
    if (!this.#closed) this.#options.log.error({ command_id, err: error }, 'an open command was not served')
  }

  async #resultEvent(state: CommandState, status: CommandStatus, why: EndReason) {
    const { command_id, agent_id, command } = state.record
    const told = typeof why === 'string' ? why : `${why.code}: ${why.sentence}`
    const stored = await this.#options.reports.storedResult(state, told)
    const result = typeof why === 'string' ? stored : { ...stored, error: { code: why.code } }
    const { timestamp } = result
    return { type: 'command_result', command_id, agent_id, command, status, result, timestamp } as const
  }

  #setTimer(open: OpenCommand, ms: number, act: () => Promise<void>): void {
    const { open: all } = this.#options
    all.schedule(open, ms, () => {
      act().catch((error) => {
        this.failed(open.command_id, error)
        // A store that is away for a while: the command still has to end.
        if (!this.#closed && all.get(open.command_id)) this.#setTimer(open, AGAIN_MS, act)
      })
    })
  }
}
