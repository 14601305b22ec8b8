import type { RawCommandEvent } from '../../../shared/commands/event.js'
import { OgentError } from '../../../shared/errors.js'
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

/**
 * Asks the agent of a command to end it; one that was never sent ends here and now. Throws
 * COMMAND_ENDED where it has a result.
 */
export async function cancelCommand(
  state: CommandState,
  requested_by: string,
  { journal, agents, ownership, open: all, expiry, sender, review }: CancelOptions,
): Promise<void> {
  const { command_id, agent_id } = state.record
  const ended = () => new OgentError('COMMAND_ENDED', `Command ${command_id} has ended.`)
  if (state.result_seq !== undefined) throw ended()
  // One event is enough for the journal; the agent may not have heard of it.
  const again = state.cancel_requested_by !== undefined
  const asked = again ? undefined : await noteCancel(journal, command_id, requested_by)
  if (!again && !asked?.entries.length) throw ended()
  const open = all.get(command_id)
  if (open?.order === 'waiting') {
    return expiry.withdraw(open, 'cancelled', `Cancelled by ${requested_by} before it was sent.`)
  }
  const link = agents.link(agent_id)
  if (link) {
    sender.cancel(link, command_id, requested_by)
    await asked?.committed
    return
  }
  await ownership.send(agent_id, command_id, () => review(asked?.state ?? state))
  await asked?.committed
}

function noteCancel(
  journal: Journal,
  command_id: string,
  requested_by: string,
): Promise<Appended | undefined> {
  const timestamp = new Date().toISOString()
  const event: RawCommandEvent = {
    type: 'command_progress',
    state: 'cancel_requested',
    command_id,
    requested_by,
    timestamp,
  }
  return journal.append(command_id, [{ event, unlessEnded: true }])
}
