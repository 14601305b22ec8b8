import type { Principal } from '../shared/access/principal.js'
import type { Agent, AgentEvent } from '../shared/agents/agent.js'
import type { StreamName } from '../shared/commands/event.js'
import type { CommandRecord } from '../shared/commands/record.js'
import type { CommandStatus } from '../shared/commands/result.js'

/**
 * What happens in a controller. A service publishes what it has done and does not know who subscribes: other services,
 * metrics and traces. Each fact is plain data, published once it is true.
 */
export type DomainEvent =
  | AgentChange
  /** The link of an agent at this controller has closed, and no newer link has taken its place. */
  | { type: 'link_lost'; agent_id: string; sid: string }
  /** An agent has its link at another controller. */
  | { type: 'agent_moved'; agent_id: string }
  /** The key of an agent was revoked, here or at another controller; published again where it is heard of again. */
  | { type: 'agent_revoked'; agent_id: string }
  /** What was assigned to an agent has changed: its labels, or its identity. */
  | { type: 'agent_changed'; agent: Agent }
  /** The store has lost something of this agent's commands, so that the agent has to say again what it holds. */
  | { type: 'agent_set_back'; agent_id: string }
  /** The store is out of reach for longer than a lease: other controllers may own what is in use here. */
  | { type: 'controller_cut_off' }
  /** A command was created at this controller: its first event is in its journal. */
  | { type: 'command_created'; command_id: string; agent_id: string }
  /** The order of a command with an open standard input has left by its agent's link here. */
  | { type: 'order_sent'; command_id: string; agent_id: string }
  /** An agent whose link is here has taken so many more bytes of what a command reads. */
  | { type: 'input_taken'; command_id: string; bytes: number }
  /** Reports of a command have been placed in its journal. `status` is where the command is now; `ended`: it has a result. */
  | {
      type: 'command_reported'
      command_id: string
      agent_id: string
      status: CommandRecord['status']
      ended: boolean
    }
  /** A command's result was placed in its journal, once for each result; `duration_ms` is 0 where it never ran. */
  | {
      type: 'command_ended'
      command_id: string
      agent_id: string
      status: CommandStatus
      duration_ms: number
    }
  /** A chunk of output was placed in a command's journal. `bytes` is its length. */
  | { type: 'output_stored'; stream: StreamName; bytes: number }
  /** The first output of a command was placed, `delay_ms` after the command was requested. */
  | { type: 'first_output'; delay_ms: number }
  /** A login was refused, for a wrong name, a wrong password, or too many of them. */
  | { type: 'login_refused'; username: string; address: string }
  /** A login was let in. */
  | { type: 'logged_in'; username: string; address: string }
  /** A request came with a token that proves no account: a wrong one, one that has ended, or that of an account that changed. */
  | { type: 'token_refused'; address: string }
  /** Something was done, refused or tried in the name of an account: see `AuditFact`. */
  | ({ type: 'audited' } & AuditFact)

/**
 * What the audit records of one deed. It is published in the same turn of the event loop in which the deed is written, so that
 * both are committed together.
 */
export type AuditFact = {
  /** Who did it; undefined where that is not known, as at a login that was refused. */
  actor: Pick<Principal, 'principal_id' | 'kind' | 'name' | 'via' | 'session_id' | 'on_behalf_of'> | undefined
  /** What was done, by the name of the operation or the action, such as `login`, `users.create`, `order`, `run.shell`. */
  action: string
  /** What it was done to, such as `agent:web-1`, `user:ann`, `token:01J…`, `policy`. */
  object: string
  verdict: 'allowed' | 'denied' | 'failed'
  /** Why it was refused, or failed; empty where it was allowed. */
  reason: string
  /** The IP address of the caller; undefined where none called. */
  ip?: string | undefined
  command_id?: string | undefined
  run_id?: string | undefined
  /** What else matters, 4 KiB of JSON at most: hashes of commands, names of variables, never values or secrets. */
  details?: Record<string, unknown> | undefined
}

/** Of a principal what the audit keeps: not its rights, which may be long. */
export function actorRef({
  principal_id,
  kind,
  name,
  via,
  session_id,
  on_behalf_of,
}: Principal): NonNullable<AuditFact['actor']> {
  return {
    principal_id,
    kind,
    name,
    via,
    session_id,
    ...(on_behalf_of === undefined ? {} : { on_behalf_of }),
  }
}

/** What can be seen of an agent has changed, here or at another controller. */
export type AgentChange = Exclude<AgentEvent, { type: 'snapshot' }>

export type EventType = DomainEvent['type']
export type EventOf<T extends EventType> = Extract<DomainEvent, { type: T }>
type Listener = (event: DomainEvent) => void

/** Where services publish and subscribe. One for each controller. */
export class Events {
  readonly #onError: (error: unknown, type: EventType) => void
  readonly #listeners = new Map<EventType, Set<Listener>>()

  /** `onError` hears of a subscriber that failed. */
  constructor(onError: (error: unknown, type: EventType) => void) {
    this.#onError = onError
  }

  /**
   * Calls `listener` with each event of that type, in the order in which they are published, until the returned function
   * is called.
   */
  on<T extends EventType>(type: T, listener: (event: EventOf<T>) => void): () => void {
    const listeners = this.#listeners.get(type) ?? new Set()
    // Called with events of this type alone: see `publish`.
    const typed = (event: DomainEvent) => listener(event as EventOf<T>)
    this.#listeners.set(type, listeners.add(typed))
    return () => {
      listeners.delete(typed)
    }
  }

  /** Calls every subscriber before it returns. The error of one reaches neither the others nor the caller. */
  publish(event: DomainEvent): void {
    for (const listener of this.#listeners.get(event.type) ?? []) {
      try {
        listener(event)
      } catch (error) {
        this.#onError(error, event.type)
      }
    }
  }
}
