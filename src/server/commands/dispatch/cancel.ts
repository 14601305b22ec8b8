import type { RawCommandEvent } from '../../../shared/commands/event.js'
import { OgentError } from '../../../shared/errors.js'
import type { AgentLink } from '../../agents/connection.js'
import type { Agents } from '../../agents/registry.js'
import type { Ownership } from '../../cluster/ports.js'
import type { Journal } from '../../journal/journal.js'
import type { Appended, CommandState } from '../../journal/port.js'
import type { CommandExpiry } from './expiry.js'
import type { OpenCommands } from './open-commands.js'
import type { OrderSender } from './order-sender.js'

export type CancelOptions = {
  journal: Journal
  agents: Agents
  ownership: Ownership
  open: OpenCommands
  expiry: CommandExpiry
  sender: OrderSender
  /** What the owner does about a command of which something was asked. */
  review: (state: CommandState) => void
}

/** Cancels of commands: noted in the journal first, then done by the controller that owns the command. */
export class Cancel {
  readonly #options: CancelOptions

  constructor(options: CancelOptions) {
    this.#options = options
  }

  /**
   * Throws COMMAND_ENDED where the command has a result, UNAVAILABLE. `onNoted` is called in the turn in which the journal
   * has it, or had it before.
   */
  async request(state: CommandState, requested_by: string, onNoted: () => void): Promise<void> {
    const { agents, ownership, open, review } = this.#options
    const { command_id, agent_id } = state.record
    const ended = () => new OgentError('COMMAND_ENDED', `Command ${command_id} has ended.`)
    if (state.result_seq !== undefined) throw ended()
    // One event is enough for the journal; the agent may not have heard of it.
    const again = state.cancel_requested_by !== undefined
    const noted = again ? undefined : await this.#note(command_id, requested_by)
    if (!again && !noted?.entries.length) throw ended()
    onNoted()
    const held = open.get(command_id)
    const link = agents.link(agent_id)
    if (link || held?.order === 'waiting') await this.apply(command_id, requested_by, link)
    else await ownership.send(agent_id, command_id, () => review(noted?.state ?? state))
    await noted?.committed
  }

  /**
   * Does what was noted: ends a command of which the order has not left, and asks the agent to end any other. Rejects where
   * the end could not be written; it is tried again in any case.
   */
  async apply(command_id: string, requested_by: string, link: AgentLink | undefined): Promise<void> {
    const { open, expiry } = this.#options
    const held = open.get(command_id)
    if (held?.order === 'waiting') {
      return expiry.withdraw(
        held,
        'cancelled',
        `Cancelled by ${requested_by} before the agent had its order.`,
      )
    }
    this.ask(command_id, requested_by, link)
  }

  /** Asks the agent to end a command, which it may not have; without a link there is nothing to ask. */
  ask(command_id: string, requested_by: string, link: AgentLink | undefined): void {
    if (link) this.#options.sender.push(link, { type: 'cancel_command_event', command_id, requested_by })
  }

  #note(command_id: string, requested_by: string): Promise<Appended | undefined> {
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
}
