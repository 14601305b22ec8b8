import type { Identity } from '../../../shared/access/identity.js'
import type { RawCommandEvent } from '../../../shared/commands/event.js'
import { messageOf, OgentError } from '../../../shared/errors.js'
import type {
  ExecuteOrder,
  Hello,
  LinkEvent,
  Receipt,
  UnsupportedOrder,
} from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Agents } from '../../agents/registry.js'
import type { EventOf, Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { Appended, CommandState } from '../../journal/port.js'
import { endedForGood } from '../../journal/state.js'
import type { Log } from '../../telemetry/ports.js'
import { steadyNow } from '../clock.js'
import type { Reports } from '../intake/reports.js'
import { CommandExpiry } from './expiry.js'
import { type OpenCommand, OpenCommands } from './open-commands.js'
import { OrderTurns } from './order-queue.js'

export type DispatcherOptions = {
  journal: Journal
  agents: Agents
  reports: Reports
  log: Log
  events: Events
  /** How long an agent may be away before its open commands are given up as lost, in ms. */
  graceMs: number
}

/** What a controller that shares its store asks of the one who keeps its agents: see keeper.ts. */
export type SharedKeeping = {
  /** Brings a command to the agent's keeper, which may be this controller. */
  hand(head: CommandState): Promise<void>
  /** This controller keeps the agent from now on: it has its link. */
  linked(agent_id: string): void
  /** Whether this controller keeps the agent, and it has no link anywhere. */
  keepsAway(agent_id: string): Promise<boolean>
}

/** An order that has been on its way for longer is not run: its link had stalled, and nobody waits any more, in ms. */
const TRANSIT_MS = 5000

/**
 * Brings orders to agents and keeps watch over open commands: an order waits for an agent that is away until
 * it expires; it is sent again at the next hello until the agent has reported on it; a command whose agent
 * stays away is ended as lost, and lives again when the agent comes back with it.
 */
export class Dispatcher {
  /** Set where several controllers share the store; without it this controller keeps every agent. */
  shared: SharedKeeping | undefined

  readonly #options: DispatcherOptions
  readonly #open = new OpenCommands()
  readonly #turns = new OrderTurns()
  readonly #expiry: CommandExpiry
  #closed = false

  constructor(options: DispatcherOptions) {
    this.#options = options
    this.#expiry = new CommandExpiry({ ...options, open: this.#open, isAway: (open) => this.#isAway(open) })
    options.events.on('link_lost', ({ agent_id }) => this.#agentLost(agent_id))
    options.events.on('command_reported', (event) => this.#reported(event))
  }

  /** Takes up what a controller before this one left open. */
  async recover(): Promise<void> {
    for await (const head of this.#options.journal.open()) {
      const open = this.#open.watch(head)
      open.sent = true
      this.#expiry.loseAfter(open)
    }
  }

  /** Sends a new command's order, or lets it wait for its agent. */
  dispatch(head: CommandState, order: ExecuteOrder): void {
    if (this.shared && !this.#options.agents.link(head.record.agent_id)) {
      void this.shared.hand(head).catch((error) => this.#expiry.failed(head.record.command_id, error))
      return
    }
    this.#take(head, order)
  }

  /** Takes up a command that may be new here, or about which somebody has asked something. */
  look(head: CommandState): void {
    const { command_id, agent_id } = head.record
    if (head.result_seq !== undefined) return
    const known = this.#open.get(command_id)
    const requested_by = head.cancel_requested_by
    if (!known) this.#take(head)
    else if (!known.sent && requested_by) {
      const reason = `Cancelled by ${requested_by} before it was sent.`
      this.#expiry.endSoon(known, 'cancelled', reason)
      return
    }
    if (!requested_by) return
    this.#trySend(this.#options.agents.link(agent_id), {
      type: 'cancel_command_event',
      command_id,
      requested_by,
    })
  }

  /** Takes up what the keeper before this one left open, of an agent without a link. */
  adopt(heads: CommandState[], awayMs: number): void {
    for (const head of heads) {
      const open = this.#open.watch(head)
      open.sent = true
      if (!head.away) this.#expiry.noteSoon(open.command_id, 'agent_lost')
      this.#expiry.loseAfter(open, Math.max(this.#options.graceMs - awayMs, 0))
    }
  }

  /** Lets go of an agent's commands, since another controller keeps them; gives those that it may not have yet. */
  drop(agent_id: string): string[] {
    const unsure: string[] = []
    for (const open of this.openOf(agent_id)) {
      this.#open.remove(open)
      this.#options.reports.forget(open.command_id)
      if (!open.acknowledged) unsure.push(open.command_id)
    }
    return unsure
  }

  openOf(agent_id: string): OpenCommand[] {
    return this.#open.of(agent_id)
  }

  has(command_id: string): boolean {
    return this.#open.get(command_id) !== undefined
  }

  /** Open commands that go with the last of their subscribers. */
  leased(): string[] {
    return this.#open.all.filter(({ leased }) => leased).map(({ command_id }) => command_id)
  }

  /**
   * Registers an agent on a new link, and resumes its commands there: the link's first event is `registered`, then come
   * the orders that are still owed. Throws as `Agents.connect` does, and UNAVAILABLE.
   */
  async connect(hello: Hello, identity: Identity): Promise<AgentLink> {
    const hasOpenCommands = (agent_id: string) => this.openOf(agent_id).length > 0
    const link = await this.#options.agents.connect(hello, identity, hasOpenCommands)
    try {
      await this.#resume(link, hello)
    } catch (error) {
      // A link that never came to serve must not hold the id against those who dial again.
      link.close()
      throw error
    }
    return link
  }

  /** Asks the agent to end the command; one that never left the controller ends here and now. */
  async cancel(command_id: string, requested_by: string): Promise<void> {
    const { journal, agents } = this.#options
    const head = await journal.getState(command_id)
    const ended = () => new OgentError('COMMAND_ENDED', `Command ${command_id} has ended.`)
    if (head.result_seq !== undefined) throw ended()
    // Once is enough for the journal; the agent may not have heard it.
    const again = head.cancel_requested_by !== undefined
    const asked = again ? undefined : await this.#noteCancel(command_id, requested_by)
    if (!again && !asked?.entries.length) throw ended()
    const open = this.#open.get(command_id)
    if (open && !open.sent) {
      return this.#expiry.end(open, 'cancelled', `Cancelled by ${requested_by} before it was sent.`)
    }
    const link = agents.link(head.record.agent_id)
    if (!link && this.shared) return this.shared.hand(asked?.head ?? head)
    this.#trySend(link, { type: 'cancel_command_event', command_id, requested_by })
    await asked?.committed
  }

  /** An agent cannot read orders of this link: ends commands that it has not started. Those that run go on. */
  unsupported(link: AgentLink, orders: UnsupportedOrder[]): void {
    const { agent_id } = link
    for (const { type, command_id } of orders) {
      this.#options.log.warn({ agent_id, type, command_id }, 'the agent does not support an order')
      const open = command_id === undefined ? undefined : this.#open.get(command_id)
      if (type !== 'execute_command_event' || open?.agent_id !== agent_id || open.acknowledged) continue
      const sentence = `Agent ${agent_id} is too old to read this order and has not run it: update the agent.`
      this.#expiry.endSoon(open, 'error', { code: 'TARGET_UNAVAILABLE', sentence })
    }
  }

  /** Open commands: those whose order waits to be sent, and those that an agent has or may have. */
  standing(): { waiting: number; sent: number } {
    const sent = this.#open.all.filter((open) => open.sent).length
    return { waiting: this.#open.all.length - sent, sent }
  }

  /** Stops all timers; open commands are taken up again by `recover`. */
  close(): void {
    this.#closed = true
    this.#expiry.close()
    this.#open.clear()
  }

  #noteCancel(command_id: string, requested_by: string): Promise<Appended | undefined> {
    const timestamp = new Date().toISOString()
    const event: RawCommandEvent = {
      type: 'command_progress',
      state: 'cancel_requested',
      command_id,
      requested_by,
      timestamp,
    }
    return this.#options.journal.append(command_id, [{ event, unlessEnded: true }])
  }

  #take(head: CommandState, order?: ExecuteOrder): void {
    const open = this.#open.watch(head)
    const link = this.#options.agents.link(open.agent_id)
    if (open.acknowledged) {
      open.sent = true
      if (!link) this.#expiry.loseAfter(open)
      return
    }
    if (link) return this.#send(open, head, link, order)
    this.#expiry.expireAfter(open, head.expires_at - steadyNow())
  }

  #reported({ command_id, agent_id, status, ended }: EventOf<'command_reported'>): void {
    const open = this.#open.get(command_id)
    if (!open) return
    open.acknowledged = true
    if (!ended) return
    this.#options.log.debug({ command_id, agent_id, status }, 'command ended')
    this.#open.remove(open)
  }

  /** Sends the order: at once where it is at hand and nothing waits before it, else in its turn, from the store. */
  #send(open: OpenCommand, head: CommandState, link: AgentLink, atHand?: ExecuteOrder): void {
    if (atHand && this.#turns.isFree(link)) return this.#sendNow(open, link, atHand)
    if (!open.sent) this.#expiry.expireAfter(open, Math.max(head.expires_at - steadyNow(), TRANSIT_MS))
    const isDue = () =>
      !link.closed && this.#open.get(open.command_id) === open && !open.acknowledged && open.sentBy !== link
    const send = async () => {
      if (!isDue()) return
      const due = await this.#options.journal.order(open.command_id)
      if (due && isDue()) this.#sendNow(open, link, due)
    }
    this.#turns.queue(link, send).catch((error) => this.#expiry.failed(open.command_id, error))
  }

  #sendNow(open: OpenCommand, link: AgentLink, due: ExecuteOrder): void {
    // The time is for agents that are away: to one that is here the way takes some, too.
    const order = { ...due, expires_at: Math.max(due.expires_at, steadyNow() + TRANSIT_MS) }
    open.sent = true
    open.sentBy = link
    this.#options.log.debug({ command_id: open.command_id, agent_id: open.agent_id }, 'order sent')
    this.#open.rest(open)
    if (this.#trySend(link, order)) return
    const sentence = 'The agent does not read its orders.'
    this.#expiry.endSoon(open, 'error', { code: 'AGENT_BUSY', sentence })
  }

  #trySend(link: AgentLink | undefined, order: LinkEvent): boolean {
    try {
      link?.push(order)
      return true
    } catch (error) {
      const command_id = 'command_id' in order ? order.command_id : undefined
      const fields = { command_id, agent_id: link?.agent_id, cause: messageOf(error) }
      this.#options.log.warn(fields, 'order not sent')
      return false
    }
  }

  /** First words on a new link: where each command of the hello stands, then the orders still owed. */
  async #resume(link: AgentLink, hello: Hello): Promise<void> {
    await this.#gather(link)
    const listed = new Set(hello.commands)
    const receipts: Receipt[] = []
    for (const command_id of listed) receipts.push(await this.#receive(link, command_id))
    link.push({
      type: 'registered',
      agent_id: link.agent_id,
      sid: link.sid,
      server_time: steadyNow(),
      grace_ms: this.#options.graceMs,
      receipts,
      protocol: this.#options.agents.get(link.agent_id).protocol,
      features: ['waiting'],
    })
    for (const open of this.#open.all) {
      // What was ordered since this hello is not in it, and on its way by this very link.
      if (open.agent_id !== link.agent_id || open.sentBy === link) continue
      this.#open.rest(open)
      const head = await this.#options.journal.head(open.command_id)
      if (head) await this.#settle(open, head, link, listed.has(open.command_id))
    }
  }

  /** Takes along what the agent's keepers before this one have open. */
  async #gather(link: AgentLink): Promise<void> {
    if (!this.shared) return
    this.shared.linked(link.agent_id)
    for await (const head of this.#options.journal.open(link.agent_id)) {
      if (!this.has(head.record.command_id)) this.#open.watch(head).sent = true
    }
  }

  /** A command that the agent still has: it is alive, whatever was thought of it meanwhile. */
  async #receive(link: AgentLink, command_id: string): Promise<Receipt> {
    const { journal } = this.#options
    const head = await journal.head(command_id)
    if (!head || head.record.agent_id !== link.agent_id || endedForGood(head)) {
      return { command_id, stored: null }
    }
    if (head.result_seq !== undefined || head.away) {
      await this.#expiry.note(command_id, 'agent_back')
      const now = await journal.getState(command_id)
      this.#open.watch(now).sent = true
    }
    this.#options.reports.checkIntake(head)
    return { command_id, stored: head.last_report }
  }

  async #settle(open: OpenCommand, head: CommandState, link: AgentLink, listed: boolean): Promise<void> {
    const { command_id } = open
    if (head.result_seq !== undefined) return
    const requested_by = head.cancel_requested_by
    if (listed) {
      open.sent = true
      if (requested_by) this.#trySend(link, { type: 'cancel_command_event', command_id, requested_by })
      return
    }
    if (head.away) await this.#expiry.note(command_id, 'agent_back')
    if (open.acknowledged) {
      return this.#expiry.end(open, 'lost', 'The agent came back without any memory of the command.')
    }
    // The agent keeps what it accepted on disk: what it does not name, it never got.
    if (requested_by)
      return this.#expiry.end(open, 'cancelled', `Cancelled by ${requested_by} before it reached the agent.`)
    if (head.expires_at < steadyNow()) return this.#expiry.expire(open)
    this.#send(open, head, link)
  }

  #agentLost(agent_id: string): void {
    if (this.#closed) return
    for (const open of this.#open.all) {
      if (open.agent_id !== agent_id || !open.sent) continue
      this.#options.log.info(
        { command_id: open.command_id, agent_id: open.agent_id },
        'the agent of a command is away',
      )
      this.#expiry.noteSoon(open.command_id, 'agent_lost')
      this.#expiry.loseAfter(open)
    }
  }

  /** Whether it is for this controller to give the command up. */
  async #isAway(open: OpenCommand): Promise<boolean> {
    const { agent_id } = open
    if (this.#options.agents.link(agent_id)) return false
    if (!this.shared || (await this.shared.keepsAway(agent_id))) return true
    // Another controller has it.
    this.#open.remove(open)
    return false
  }
}
