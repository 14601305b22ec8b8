import type { OrderSigner } from '../../../orders/signed.js'
import type { AuditCheckpoint } from '../../../shared/access/audit.js'
import type { ExecuteOrder, Hello, UnsupportedOrder } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Agents } from '../../agents/registry.js'
import type { Ownership } from '../../cluster/ports.js'
import type { EventOf, Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Log } from '../../telemetry/ports.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import { steadyNow } from '../clock.js'
import type { Reports } from '../intake/reports.js'
import { Cancel } from './cancel.js'
import { CommandExpiry } from './expiry.js'
import { hasLeft, type OpenCommand, OpenCommands } from './open-commands.js'
import { OrderSender } from './order-sender.js'
import { Reconnect } from './reconnect.js'

/** Agents that are remembered as revoked here. */
const MAX_REVOKED = 1000

export type DispatcherOptions = {
  journal: Journal
  agents: Agents
  ownership: Ownership
  reports: Reports
  log: Log
  events: Events
  policy: Policy
  /** How long an agent may be offline before its open commands are given up as lost, in ms. */
  graceMs: number
  /** The newest checkpoint of the audit, which agents keep. */
  checkpoint?: () => AuditCheckpoint | undefined
  /** Signs orders; undefined where they are not signed. */
  signer?: OrderSigner | undefined
}

/**
 * Dispatches orders and tracks the open commands of the agents that this controller owns. An order waits for an agent that
 * is offline until it expires; it is resent at the next hello until the agent has reported on it; a command whose agent stays
 * offline is ended as lost, and lives again when the agent comes back with it.
 */
export class Dispatcher {
  readonly #options: DispatcherOptions
  readonly #open = new OpenCommands()
  readonly #expiry: CommandExpiry
  readonly #sender: OrderSender
  readonly #cancel: Cancel
  readonly #reconnect: Reconnect
  readonly #revoked = new Set<string>()
  #closed = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    const open = this.#open
    this.#expiry = new CommandExpiry({ ...options, open, isOffline: (one) => this.#isOffline(one) })
    this.#sender = new OrderSender({ ...options, open, expiry: this.#expiry })
    const parts = { ...options, open, expiry: this.#expiry, sender: this.#sender }
    this.#cancel = new Cancel({ ...parts, review: (state) => this.review(state) })
    this.#reconnect = new Reconnect({ ...parts, cancel: this.#cancel })
    options.events.on('link_lost', ({ agent_id }) => this.#agentLost(agent_id))
    options.events.on('agent_revoked', ({ agent_id }) => this.#agentRevoked(agent_id))
    options.events.on('agent_moved', ({ agent_id }) => options.ownership.drop(agent_id))
    options.events.on('command_reported', (event) => this.#reported(event))
  }

  /** Tracks what an earlier process of this controller left open. */
  async recover(): Promise<void> {
    for await (const state of this.#options.journal.open()) {
      this.#expiry.loseAfter(this.#open.addSent(state))
    }
  }

  /** Sends a new command's order, or lets it wait for its agent. */
  dispatch(state: CommandState, order: ExecuteOrder): void {
    const { command_id, agent_id } = state.record
    if (this.#options.agents.link(agent_id)) return this.#track(state, order)
    this.#options.ownership
      .send(agent_id, command_id, () => this.review(state))
      .catch((error) => this.#expiry.failed(command_id, error))
  }

  /** Tracks a command that may be new here, or of which something was asked at another controller. */
  review(state: CommandState): void {
    const { command_id, agent_id } = state.record
    if (state.result_seq !== undefined) return
    const held = this.#open.get(command_id)
    const link = this.#options.agents.link(agent_id)
    const requested_by = state.cancel_requested_by
    // Without a link, an earlier owner may have sent the order: the agent's next hello says whether it has it.
    if (requested_by === undefined || !(held || link)) return held ? undefined : this.#track(state)
    const { order } = held ?? this.#open.add(state)
    const applied = this.#cancel.apply(command_id, requested_by, link)
    applied.catch((error) => this.#expiry.failed(command_id, error))
    // In case that an earlier owner has sent the order after all.
    if (order === 'waiting') this.#cancel.ask(command_id, requested_by, link)
  }

  /** Tracks what an earlier owner left open, of an agent without a link for so long, in ms. */
  adopt(states: CommandState[], awayMs: number): void {
    for (const state of states) {
      const open = this.#open.addSent(state)
      if (!state.away) this.#expiry.noteSoon(open.command_id, 'agent_lost')
      this.#expiry.loseAfter(open, Math.max(this.#options.graceMs - awayMs, 0))
    }
  }

  /** Stops to track an agent's commands, since another controller does; gives those of which it may not have heard. */
  drop(agent_id: string): string[] {
    const unsure: string[] = []
    for (const open of this.openOf(agent_id)) {
      this.#open.remove(open)
      this.#options.reports.forget(open.command_id)
      if (open.order !== 'acknowledged') unsure.push(open.command_id)
    }
    return unsure
  }

  openOf(agent_id: string): OpenCommand[] {
    return this.#open.of(agent_id)
  }

  /** Whether the agent may have the command's order: what is sent to it before that finds no command there. */
  mayHaveOrder(agent_id: string, command_id: string): boolean {
    const open = this.#open.get(command_id)
    return open?.agent_id === agent_id && hasLeft(open)
  }

  has(command_id: string): boolean {
    return this.#open.get(command_id) !== undefined
  }

  /** Open commands that go with the last of their subscribers. */
  leased(): string[] {
    return this.#open.all.filter(({ leased }) => leased).map(({ command_id }) => command_id)
  }

  /** See `Reconnect.connect`. */
  connect(hello: Hello, identity: Actor): Promise<AgentLink> {
    return this.#reconnect.connect(hello, identity)
  }

  /** See `Cancel.request`. */
  cancel(state: CommandState, requested_by: string, onNoted = () => {}): Promise<void> {
    return this.#cancel.request(state, requested_by, onNoted)
  }

  /** An agent cannot read orders of this link: ends commands that it has not started. Those that run go on. */
  unsupported(link: AgentLink, orders: UnsupportedOrder[]): void {
    const { agent_id } = link
    for (const { type, command_id } of orders) {
      this.#options.log.warn({ agent_id, type, command_id }, 'the agent does not support an order')
      const open = command_id === undefined ? undefined : this.#open.get(command_id)
      if (type !== 'execute_command_event' || open?.agent_id !== agent_id) continue
      if (open.order === 'acknowledged') continue
      const sentence = `Agent ${agent_id} is too old to read this order and has not run it: update the agent.`
      this.#expiry.endSoon(open, 'error', { code: 'TARGET_UNAVAILABLE', sentence })
    }
  }

  /** Open commands: those whose order waits to be sent, and those that an agent has or may have. */
  counts(): { waiting: number; sent: number } {
    const sent = this.#open.all.filter(hasLeft).length
    return { waiting: this.#open.all.length - sent, sent }
  }

  /** Stops all timers; `recover` tracks the open commands again. */
  close(): void {
    this.#closed = true
    this.#expiry.close()
    this.#open.clear()
  }

  #track(state: CommandState, order?: ExecuteOrder): void {
    const open = this.#open.add(state)
    const link = this.#options.agents.link(open.agent_id)
    if (open.order === 'acknowledged') {
      if (!link) this.#expiry.loseAfter(open)
      return
    }
    if (link) return this.#sender.execute(open, state, link, order)
    this.#expiry.expireAfter(open, state.expires_at - steadyNow())
  }

  #reported({ command_id, agent_id, status, ended }: EventOf<'command_reported'>): void {
    const open = this.#open.get(command_id)
    if (!open) return
    open.order = 'acknowledged'
    if (!ended) return
    this.#options.log.debug({ command_id, agent_id, status }, 'command ended')
    this.#open.remove(open)
  }

  /** No result of its commands can come any more. */
  #agentRevoked(agent_id: string): void {
    if (this.#closed) return
    // Not held for ever: it is there for the loss of the link, which comes soon after.
    this.#revoked.add(agent_id)
    if (this.#revoked.size > MAX_REVOKED) this.#revoked.clear()
    const reason = `Agent ${agent_id} was revoked; how the command ended is not known.`
    for (const open of this.openOf(agent_id)) this.#expiry.endSoon(open, 'lost', reason)
  }

  #agentLost(agent_id: string): void {
    if (this.#closed) return
    if (this.#revoked.has(agent_id)) return this.#agentRevoked(agent_id)
    for (const open of this.#open.all) {
      if (open.agent_id !== agent_id || !hasLeft(open)) continue
      this.#options.log.info({ command_id: open.command_id, agent_id }, 'the agent of a command is offline')
      this.#expiry.noteSoon(open.command_id, 'agent_lost')
      this.#expiry.loseAfter(open)
    }
  }

  /** Whether it is for this controller to give the command up. */
  async #isOffline(open: OpenCommand): Promise<boolean> {
    const { agent_id } = open
    if (this.#options.agents.link(agent_id)) return false
    if (await this.#options.ownership.ownsIdle(agent_id)) return true
    // Another controller has it.
    this.#open.remove(open)
    return false
  }
}
