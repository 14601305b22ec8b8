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
import type { AuditFact, Events } from '../events.js'
import type { Journal } from '../journal/journal.js'
import type { CommandState, Entry, Subscriber } from '../journal/port.js'
import type { Trace, Traces } from '../telemetry/ports.js'
import type { Actor } from '../transport/caller.js'
import type { Permit, Policy } from '../transport/policy.js'
import { type Admission, admit, type GuardMode } from './admission.js'
import { checkAgent } from './agent-check.js'
import { cancelFact, type OrderAudit, orderFact, viewFact } from './audit-facts.js'
import type { Dispatcher } from './dispatch/dispatcher.js'
import { knownCommand } from './known-command.js'
import { withAgents } from './labelled.js'
import { Leases } from './leases.js'
import { type NewCommandOptions, newCommand } from './new-command.js'
import { type OpenLimits, toCounted } from './open-command-limits.js'
import { refusedError, refusedResult } from './refusal.js'
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
  /** Without it nothing is recorded. */
  audit?: OrderAudit
}

/** As long as an agent may take to try again after a controller was away for a minute, in ms. */
const SEEN_WAIT_MS = 15_000
/** Events that a killed controller may have shown and not stored; who has seen more was told by another state of it. */
const SEEN_AHEAD = 256

/** A request that may run: `counted` says that the limits count it. */
type Admitted = Admission & { permit: Permit; counted: boolean }

/** The state of a command; `ended` is the sequence of its result. */
export type Position = { record: CommandRecord; last_seq: number; ended: number | undefined }

/** What people do with commands: start, follow, cancel, look up. */
export class Commands {
  readonly #options: CommandsOptions
  readonly #leases: Leases

  constructor(options: CommandsOptions) {
    this.#options = options
    this.#leases = new Leases(options.attendance, (command_id) => this.abandon(command_id))
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
      this.#leases.hold(command_id)
      setTimeout(() => void this.#leases.release(command_id), graceMs).unref()
    }
  }

  /**
   * Starts a command, or finds the one that this id started before. Throws FORBIDDEN, AGENT_NOT_FOUND, AGENT_OFFLINE
   * (where nothing was to be waited for), TARGET_UNAVAILABLE, COMMAND_REFUSED, COMMAND_ID_TAKEN, RATE_LIMITED,
   * UNAVAILABLE.
   * `parent` is the trace that the request is a part of.
   */
  async start(request: ParsedCommandRequest, identity: Actor, parent?: string): Promise<CommandState> {
    const { journal, dispatcher, limits, events, traces, policy, audit } = this.#options
    policy.authorize(identity, 'run.shell', { agent_id: request.agent_id })
    const command_id = request.command_id ?? newId()
    let admission: Admitted
    // A model is not asked about what is known; all else costs less than to ask the store first.
    const asks = request.use_ai || request.apply_optimization
    const known = asks && request.command_id !== undefined ? await journal.state(command_id) : undefined
    if (known) return this.#known(known, request, identity)
    try {
      admission = await this.#admit(request, identity, command_id)
    } catch (error) {
      if (isDenied(error)) throw error
      // A command that is known is followed, regardless of what has become of its agent.
      const before = request.command_id === undefined ? undefined : await journal.state(command_id)
      if (before) return this.#known(before, request, identity)
      throw error
    }
    const { agent_id } = request
    const trace = traces?.begin({ command_id, agent_id, requested_by: identity.name }, parent)
    const command = newCommand(command_id, request, identity, admission, this.#options)
    if (trace) command.order.traceparent = trace.traceparent
    const fact = orderFact(identity, agent_id, command.order, admission.refusal)
    command.audit = fact
    const made = await journal.create(command).catch((error: unknown) => {
      if (admission.counted) limits.release(command_id)
      return endedBy(error, trace)
    })
    if (!made.created) {
      if (admission.counted) limits.release(command_id)
      return this.#follow(made.state, request, identity, trace)
    }
    limits.made(command_id)
    this.#audit(fact)
    events.publish({ type: 'command_created', command_id, agent_id })
    if (admission.refusal) {
      const event = refusedResult(made.state.record, admission.refusal)
      await (await journal.append(command_id, [{ event }]))?.committed
      events.publish({ type: 'command_ended', command_id, agent_id, status: 'refused', duration_ms: 0 })
      throw refusedError(admission.refusal)
    }
    // Not before it would survive us: what was run must never be forgotten.
    await made.durable
    await audit?.recorded()
    dispatcher.dispatch(made.state, command.order)
    return made.state
  }

  /**
   * The events of any command from `from_seq` on, live to the end. That another account reads them is recorded, unless the
   * caller has done that. Throws FORBIDDEN, COMMAND_NOT_FOUND.
   */
  follow(
    actor: Actor,
    command_id: string,
    from_seq: number,
    { isRecorded, ...subscriber }: Omit<Subscriber, 'authorize'> & { isRecorded?: boolean },
  ): AsyncGenerator<Entry, void> {
    const { journal, policy } = this.#options
    const onView = (state: CommandState) => {
      if (!isRecorded) this.#audit(viewFact(actor, state))
    }
    return journal.follow(command_id, from_seq, checkedSubscriber(policy, actor, subscriber, onView))
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
    this.#leases.hold(command_id)
    await this.#options.attendance.attend(command_id)
    try {
      yield* this.follow(actor, command_id, from_seq, subscriber)
    } finally {
      await this.#leases.release(command_id)
    }
  }

  /** Throws FORBIDDEN, COMMAND_NOT_FOUND, COMMAND_ENDED. */
  async cancel(actor: Actor, command_id: string): Promise<void> {
    const state = await this.#options.journal.getState(command_id)
    const { policy } = this.#options
    policy.authorize(actor, 'run.shell', resourceOf(state))
    if (!isRequester(state.record, actor)) policy.authorize(actor, 'runs.control', resourceOf(state))
    const onNoted = () => this.#audit(cancelFact(actor, state))
    return this.#options.dispatcher.cancel(state, actor.name, onNoted)
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
    if (result_seq !== undefined) this.#audit(viewFact(actor, state))
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

  #audit(fact: AuditFact | undefined): void {
    if (fact) this.#options.events.publish({ type: 'audited', ...fact })
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

  #known(state: CommandState, request: ParsedCommandRequest, actor: Actor): CommandState {
    return knownCommand(state, request, actor, this.#options.requestHash)
  }

  /** What is to become of a request, by its agent, the policy, the limits and the guard. Where it throws, nothing is counted. */
  async #admit(request: ParsedCommandRequest, actor: Actor, command_id: string): Promise<Admitted> {
    const { agents, limits, guard, guardMode, audit } = this.#options
    const agent = checkAgent(request, await agents.find(request.agent_id))
    const { platform, version } = agent.agent_info
    const permit = await this.#permit(request, actor, agent)
    audit?.check()
    const counted = await limits.take(toCounted(command_id, request, actor))
    try {
      const admission = await admit(guard, guardMode, request, actor, () => `${platform} ${version}`)
      const { command } = admission
      // What runs may be another text than was asked about.
      const last = command === request.command ? permit : this.#permit({ ...request, command }, actor, agent)
      return { ...admission, permit: await last, counted }
    } catch (error) {
      if (counted) limits.release(command_id)
      throw error
    }
  }

  #permit(request: ParsedCommandRequest, actor: Actor, agent: Agent): Permit | Promise<Permit> {
    const { policy, guard } = this.#options
    const judge = async () => (await guard.judge(request, actor.name)).risk_level
    return policy.authorizeCommand(actor, request, agent, judge)
  }

  /** Ends a command whose subscribers asked to take it along, and are gone. */
  async abandon(command_id: string): Promise<void> {
    const state = await this.#options.journal.state(command_id)
    if (!state || state.result_seq !== undefined) return
    const onNoted = () => this.#audit(cancelFact(undefined, state))
    await this.#options.dispatcher.cancel(state, state.record.requested_by, onNoted).catch((error) => {
      // It may have ended in the same moment, or the controller may be leaving: nothing to take along then.
      if (!(error instanceof OgentError)) throw error
    })
  }
}

function endedBy(error: unknown, trace: Trace | undefined): never {
  trace?.withdraw(error instanceof OgentError ? error.code : 'INTERNAL')
  throw error
}
