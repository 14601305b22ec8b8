import type { AuditCheckpoint } from '../../../shared/access/audit.js'
import type { Hello, Receipt } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Agents } from '../../agents/registry.js'
import { checkpointFor } from '../../agents/witnesses.js'
import type { Ownership } from '../../cluster/ports.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import { endedForGood } from '../../journal/state.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import { steadyNow } from '../clock.js'
import type { Reports } from '../intake/reports.js'
import type { Cancel } from './cancel.js'
import type { CommandExpiry } from './expiry.js'
import type { OpenCommand, OpenCommands } from './open-commands.js'
import type { OrderSender } from './order-sender.js'

export type ReconnectOptions = {
  journal: Journal
  agents: Agents
  ownership: Ownership
  reports: Reports
  open: OpenCommands
  expiry: CommandExpiry
  sender: OrderSender
  cancel: Cancel
  policy: Policy
  /** How long an agent may be offline before its open commands are given up as lost, in ms. */
  graceMs: number
  /** The newest checkpoint of the audit, which agents keep. */
  checkpoint?: (() => AuditCheckpoint | undefined) | undefined
}

/** What happens at an agent's hello: its commands and the controller's are compared, and the orders still owed are sent. */
export class Reconnect {
  readonly #options: ReconnectOptions

  constructor(options: ReconnectOptions) {
    this.#options = options
  }

  /**
   * Registers an agent on a new link, and resumes its commands there: the link's first event is `registered`, then come
   * the orders that are still owed. Throws FORBIDDEN, UNAVAILABLE, and
   * what `Agents.connect` throws.
   */
  async connect(hello: Hello, identity: Actor): Promise<AgentLink> {
    const { agents, open, policy } = this.#options
    policy.authorize(
      identity,
      'agents.link',
      hello.agent_id === undefined ? {} : { agent_id: hello.agent_id },
    )
    const link = await agents.connect(hello, identity, (agent_id) => open.of(agent_id).length > 0)
    try {
      await this.#resume(link, hello)
    } catch (error) {
      // A link that never came to serve must not hold the id against those who dial again.
      link.close()
      throw error
    }
    return link
  }

  async #resume(link: AgentLink, hello: Hello): Promise<void> {
    const { agents, journal, open: all, graceMs, checkpoint } = this.#options
    await this.#gather(link)
    const listed = new Set(hello.commands)
    const receipts: Receipt[] = []
    for (const command_id of listed) receipts.push(await this.#receive(link, command_id))
    link.push({
      type: 'registered',
      agent_id: link.agent_id,
      sid: link.sid,
      server_time: steadyNow(),
      grace_ms: graceMs,
      receipts,
      protocol: agents.get(link.agent_id).protocol,
      features: ['waiting'],
      ...checkpointFor(link, checkpoint?.()),
    })
    for (const open of all.all) {
      // What was ordered since this hello is not in it, and on its way by this very link.
      if (open.agent_id !== link.agent_id || open.sentBy === link) continue
      const state = await journal.state(open.command_id)
      if (state) await this.#settle(open, state, link, listed.has(open.command_id))
    }
  }

  /** Adds what earlier owners of the agent have left open. */
  async #gather(link: AgentLink): Promise<void> {
    const { journal, ownership, open: all } = this.#options
    if (!ownership.acquired(link.agent_id)) return
    for await (const state of journal.open(link.agent_id)) {
      if (!all.get(state.record.command_id)) all.addSent(state)
    }
  }

  /** A command that the agent still has: it is alive, even where it was given up meanwhile. */
  async #receive(link: AgentLink, command_id: string): Promise<Receipt> {
    const { journal, reports, expiry, open: all } = this.#options
    const state = await journal.state(command_id)
    if (!state || state.record.agent_id !== link.agent_id || endedForGood(state)) {
      return { command_id, stored: null }
    }
    if (state.result_seq !== undefined || state.away) {
      await expiry.note(command_id, 'agent_back')
      all.addSent(await journal.getState(command_id))
    }
    reports.checkIntake(state)
    return { command_id, stored: state.last_report }
  }

  async #settle(open: OpenCommand, state: CommandState, link: AgentLink, listed: boolean): Promise<void> {
    const { expiry, sender, cancel, open: all } = this.#options
    const { command_id } = open
    if (state.result_seq !== undefined) return
    const requested_by = state.cancel_requested_by
    if (listed) {
      all.mayBeSent(open)
      all.clearTimer(open)
      if (requested_by) await cancel.apply(command_id, requested_by, link)
      return
    }
    if (state.away) await expiry.note(command_id, 'agent_back')
    if (open.order === 'acknowledged') {
      return expiry.end(open, 'lost', 'The agent came back without any memory of the command.')
    }
    // A timer may fire just before the time it was set for: an order that it withdrew stays so.
    const isLate = open.order === 'withdrawn' || state.expires_at < steadyNow()
    // The agent keeps what it accepted on disk: what it does not name, it never got.
    open.order = 'waiting'
    if (requested_by) return cancel.apply(command_id, requested_by, link)
    if (isLate) return expiry.expire(open)
    sender.execute(open, state, link)
  }
}
