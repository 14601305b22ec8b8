import type { Agent } from '../../shared/agents/agent.js'
import type { RawResultEvent } from '../../shared/commands/event.js'
import {
  type CommandPage,
  type CommandQuery,
  type CommandRecord,
  isRequester,
} from '../../shared/commands/record.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { Agents } from '../agents/registry.js'
import type { Analyzer } from '../analysis/analyzer.js'
import type { Attendance } from '../cluster/ports.js'
import type { Events } from '../events.js'
import type { Journal } from '../journal/journal.js'
import type { CommandState, Entry, Subscriber } from '../journal/port.js'
import type { Trace, Traces } from '../telemetry/ports.js'
import type { Actor } from '../transport/caller.js'
import type { Permit, Policy } from '../transport/policy.js'
import { type Admission, admit, type GuardMode } from './admission.js'
import { checkAgent } from './agent-check.js'
import type { Dispatcher } from './dispatch/dispatcher.js'
import { withAgents } from './labelled.js'
import { type NewCommandOptions, newCommand } from './new-command.js'
import { type OpenLimits, toCounted } from './open-command-limits.js'
import { refusedError, refusedResult, throwIfRefused } from './refusal.js'
import { assertMayView, checkedSubscriber, isDenied, resourceOf } from './rights.js'

export type CommandsOptions = NewCommandOptions & {
  journal: Journal
  agents: Agents
  dispatcher: Dispatcher
  guard: Analyzer
  guardMode: GuardMode
  events: Events
  policy: Policy
  /** Undefined where no tracing is set. */
  traces?: Traces | undefined
  limits: OpenLimits
  /** Which controllers have subscribers of a command that goes with the last of them. */
  attendance: Attendance
}

/** As long as an agent may take to try again after a controller was away for a minute, in ms. */
const SEEN_WAIT_MS = 15_000
/** Events that a killed controller may have shown and not stored; who has seen more was told by another state of it. */
const SEEN_AHEAD = 256

/** The state of a command; `ended` is the sequence of its result. */
export type Position = { record: CommandRecord; last_seq: number; ended: number | undefined }

/** What people do with commands: start, follow, cancel, look up. */
export class Commands {
  readonly #options: CommandsOptions
  /** Subscribers of `execute` that asked to take their command with them, by command. */
  readonly #leases = new Map<string, number>()

  constructor(options: CommandsOptions) {
    this.#options = options
    options.events.on('command_ended', ({ command_id }) => options.limits.release(command_id))
  }

  /**
   * Resumes the leases of a controller before this one: a subscriber that asked to take its command along gets so many
   * ms to be back; otherwise it is gone, and the command is cancelled too.
   */
  async recover(graceMs: number): Promise<void> {
    for await (const { record, on_disconnect } of this.#options.journal.open()) {
      const { command_id, agent_id, requested_by, command } = record
      this.#options.limits.recover({ command_id, agent_id, username: requested_by, length: command.length })
      if (on_disconnect !== 'cancel') continue
      this.#leases.set(command_id, (this.#leases.get(command_id) ?? 0) + 1)
      setTimeout(() => void this.#release(command_id), graceMs).unref()
    }
  }

  /**
   * Starts a command, or finds the one that this id started before. Throws FORBIDDEN, AGENT_NOT_FOUND, AGENT_OFFLINE
   * (where nothing was to be waited for), TARGET_UNAVAILABLE, COMMAND_REFUSED, COMMAND_ID_TAKEN, RATE_LIMITED,
   * UNAVAILABLE.
   * `parent` is the trace that the request is a part of.
   */
  async start(request: ParsedCommandRequest, identity: Actor, parent?: string): Promise<CommandState> {
    const { journal, dispatcher, guard, guardMode, limits, events, traces, policy } = this.#options
    policy.authorize(identity, 'run.shell', { agent_id: request.agent_id })
    const command_id = request.command_id ?? newId()
    let admission: Admission
    let permit: Permit
    let counted = false
    // A model is not asked about what is known; all else costs less than to ask the store first.
    const asks = request.use_ai || request.apply_optimization
    const known = asks && request.command_id !== undefined ? await journal.state(command_id) : undefined
    if (known) return this.#known(known, request, identity)
    try {
      const agent = checkAgent(request, await this.#options.agents.find(request.agent_id))
      const { agent_info } = agent
      const system = () => `${agent_info.platform} ${agent_info.version}`
      permit = await this.#permit(request, identity, agent)
      counted = await limits.take(toCounted(command_id, request, identity.name))
      admission = await admit(guard, guardMode, request, identity, system)
      // What runs is another text than was asked about.
      if (admission.command !== request.command)
        permit = await this.#permit({ ...request, command: admission.command }, identity, agent)
    } catch (error) {
      if (counted) limits.release(command_id)
      if (isDenied(error)) throw error
      // A command that is known is followed, regardless of what has become of its agent.
      const before = request.command_id === undefined ? undefined : await journal.state(command_id)
      if (before) return this.#known(before, request, identity)
      throw error
    }
    const { agent_id } = request
    const trace = traces?.begin({ command_id, agent_id, requested_by: identity.name }, parent)
    const command = newCommand(command_id, request, identity, { ...admission, permit }, this.#options)
    if (trace) command.order.traceparent = trace.traceparent
    const made = await journal.create(command).catch((error: unknown) => {
      if (counted) limits.release(command_id)
      return endedBy(error, trace)
    })
    if (!made.created) {
      if (counted) limits.release(command_id)
      return this.#follow(made.state, request, identity, trace)
    }
    limits.made(command_id)
    events.publish({ type: 'command_created', command_id, agent_id })
    if (admission.refusal) {
      const event = refusedResult(made.state.record, admission.refusal)
      await (await journal.append(command_id, [{ event }]))?.committed
      events.publish({ type: 'command_ended', command_id, agent_id, status: 'refused', duration_ms: 0 })
      throw refusedError(admission.refusal)
    }
    // Not before it would survive us: what was run must never be forgotten.
    await made.durable
    dispatcher.dispatch(made.state, command.order)
    return made.state
  }

  /** The events of any command from `from_seq` on, live to the end. Throws FORBIDDEN, COMMAND_NOT_FOUND. */
  follow(
    actor: Actor,
    command_id: string,
    from_seq: number,
    subscriber: Omit<Subscriber, 'authorize'>,
  ): AsyncGenerator<Entry, void> {
    const { journal, policy } = this.#options
    return journal.follow(command_id, from_seq, checkedSubscriber(policy, actor, subscriber))
  }

  /**
   * Follows a command for the actor that started it, by what `start` gave. A subscriber that asked for it takes the command
   * along when it goes.
   */
  async *attend(
    actor: Actor,
    state: CommandState,
    from_seq: number,
    subscriber: Omit<Subscriber, 'authorize'>,
  ): AsyncGenerator<Entry, void> {
    const { command_id } = state.record
    if (state.on_disconnect === 'continue') return yield* this.follow(actor, command_id, from_seq, subscriber)
    this.#leases.set(command_id, (this.#leases.get(command_id) ?? 0) + 1)
    await this.#options.attendance.attend(command_id)
    try {
      yield* this.follow(actor, command_id, from_seq, subscriber)
    } finally {
      await this.#release(command_id)
    }
  }

  /** Throws FORBIDDEN, COMMAND_NOT_FOUND, COMMAND_ENDED. */
  async cancel(actor: Actor, command_id: string): Promise<void> {
    const state = await this.#options.journal.getState(command_id)
    const { policy } = this.#options
    policy.authorize(actor, 'run.shell', resourceOf(state))
    if (state.record.requested_by !== actor.name) policy.authorize(actor, 'runs.control', resourceOf(state))
    return this.#options.dispatcher.cancel(state, actor.name)
  }

  /** `admit` is asked, with the record, before a result is read. Throws FORBIDDEN, COMMAND_NOT_FOUND. */
  async get(
    actor: Actor,
    command_id: string,
    admit?: (record: CommandRecord) => Promise<void>,
  ): Promise<{ record: CommandRecord; result: RawResultEvent | undefined }> {
    const state = await this.#options.journal.getState(command_id)
    assertMayView(this.#options.policy, actor, state)
    const { record, result_seq } = state
    await admit?.(record)
    const result = result_seq === undefined ? undefined : await this.#resultAt(command_id, result_seq)
    return { record, result }
  }

  /** Throws FORBIDDEN, COMMAND_NOT_FOUND. */
  async position(actor: Actor, command_id: string): Promise<Position> {
    const state = await this.#options.journal.getState(command_id)
    assertMayView(this.#options.policy, actor, state)
    const { record, last_seq, result_seq } = state
    return { record, last_seq, ended: result_seq }
  }

  /**
   * The same for a subscriber that has seen event `seq`. A controller that was killed before it had stored
   * what it showed gets that again from the agent, which may take a moment to come back: it is waited for.
   */
  async positionAt(actor: Actor, command_id: string, seq: number, signal: AbortSignal): Promise<Position> {
    const position = await this.position(actor, command_id)
    const ahead = seq - position.last_seq
    if (ahead <= 0 || ahead > SEEN_AHEAD || position.ended !== undefined) return position
    const patience = AbortSignal.any([signal, AbortSignal.timeout(SEEN_WAIT_MS)])
    try {
      for await (const _ of this.#options.journal.follow(command_id, seq, { signal: patience })) break
    } catch (error) {
      if (!patience.aborted || signal.aborted) throw error
    }
    return this.position(actor, command_id)
  }

  /** Throws FORBIDDEN. */
  async list(actor: Actor, query: CommandQuery): Promise<CommandPage> {
    const { policy, journal, agents } = this.#options
    policy.authorize(actor, 'commands.view')
    const asked = withAgents(query, agents.known, policy.reach(actor, 'commands.view'))
    return asked ? journal.list(asked) : { commands: [], next_cursor: null }
  }

  async #resultAt(command_id: string, seq: number): Promise<RawResultEvent | undefined> {
    const signal = new AbortController().signal
    for await (const { event } of this.#options.journal.follow(command_id, seq, { signal })) {
      if (event.type === 'command_result') return event
    }
    return undefined
  }

  /** A request that makes no command of its own leaves no trace open. */
  #follow(
    state: CommandState,
    request: ParsedCommandRequest,
    identity: Actor,
    trace: Trace | undefined,
  ): CommandState {
    try {
      const same = this.#known(state, request, identity)
      trace?.withdraw()
      return same
    } catch (error) {
      return endedBy(error, trace)
    }
  }

  /** The command that has this id, for the user who started it by this very request. Throws COMMAND_ID_TAKEN. */
  #known(state: CommandState, request: ParsedCommandRequest, identity: Actor): CommandState {
    const { record, request_hash } = state
    const same =
      request_hash === undefined ? undefined : this.#options.requestHash.matches(request_hash, request)
    // Of a command that an older version started, or one with another SECRET_KEY, no more than this is known.
    const alike = record.agent_id === request.agent_id && record.command === request.command
    if (isRequester(record, identity) && (same ?? alike)) {
      throwIfRefused(record)
      return state
    }
    throw new OgentError(
      'COMMAND_ID_TAKEN',
      `The command id ${record.command_id} belongs to another request or another user; choose another id.`,
    )
  }

  #permit(request: ParsedCommandRequest, actor: Actor, agent: Agent): Permit | Promise<Permit> {
    const { policy, guard } = this.#options
    const judge = async () => (await guard.judge(request, actor.name)).risk_level
    return policy.authorizeCommand(actor, request, agent, judge)
  }

  async #release(command_id: string): Promise<void> {
    const left = (this.#leases.get(command_id) ?? 1) - 1
    if (left > 0) {
      this.#leases.set(command_id, left)
      return
    }
    this.#leases.delete(command_id)
    const { attendance } = this.#options
    await attendance.leave(command_id)
    if ((await attendance.count(command_id)) > 0) return
    await this.abandon(command_id)
  }

  /** Ends a command whose subscribers asked to take it along, and are gone. */
  async abandon(command_id: string): Promise<void> {
    const state = await this.#options.journal.state(command_id)
    if (!state || state.result_seq !== undefined) return
    await this.#options.dispatcher.cancel(state, state.record.requested_by).catch((error) => {
      // It may have ended in the same moment, or the controller may be leaving: nothing to take along then.
      if (!(error instanceof OgentError)) throw error
    })
  }
}

function endedBy(error: unknown, trace: Trace | undefined): never {
  trace?.withdraw(error instanceof OgentError ? error.code : 'INTERNAL')
  throw error
}
