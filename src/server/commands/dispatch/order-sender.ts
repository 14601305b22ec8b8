import { type OrderSigner, signatureFault, signatureOf } from '../../../orders/signed.js'
import type { AuditCheckpoint } from '../../../shared/access/audit.js'
import { messageOf } from '../../../shared/errors.js'
import type { ExecuteOrder, LinkEvent } from '../../../shared/link/protocol.js'
import type { AgentLink } from '../../agents/connection.js'
import { checkpointFor } from '../../agents/witnesses.js'
import type { Events } from '../../events.js'
import type { Journal } from '../../journal/journal.js'
import type { CommandState } from '../../journal/port.js'
import type { Log } from '../../telemetry/ports.js'
import { steadyNow } from '../clock.js'
import type { CommandExpiry } from './expiry.js'
import type { OpenCommand, OpenCommands } from './open-commands.js'
import { OrderQueue } from './order-queue.js'

export type OrderSenderOptions = {
  journal: Journal
  open: OpenCommands
  expiry: CommandExpiry
  events: Events
  log: Log
  /** The newest checkpoint of the audit, which agents keep. */
  checkpoint?: (() => AuditCheckpoint | undefined) | undefined
  /** Signs orders; undefined where they are not signed. */
  signer?: OrderSigner | undefined
}

/** An order that expired longer ago is not signed again: an old one that was put back into the store must not run, in ms. */
const SIGN_AGAIN_MS = 3600 * 1000

/** An order that has been on its way for longer is not run: its link had stalled, and its caller has given up, in ms. */
const TRANSIT_MS = 5000

/** Sends orders by the links of their agents. */
export class OrderSender {
  readonly #options: OrderSenderOptions
  readonly #queue = new OrderQueue()

  constructor(options: OrderSenderOptions) {
    this.#options = options
  }

  /** Sends a command's order: at once where it is at hand and no order waits before it, else in its turn, from the store. */
  execute(open: OpenCommand, state: CommandState, link: AgentLink, atHand?: ExecuteOrder): void {
    const { journal, open: all, expiry } = this.#options
    if (atHand && this.#queue.isFree(link)) return this.#executeNow(open, link, atHand)
    if (open.order === 'waiting')
      expiry.expireAfter(open, Math.max(state.expires_at - steadyNow(), TRANSIT_MS))
    const isDue = () =>
      !link.closed &&
      all.get(open.command_id) === open &&
      open.order !== 'acknowledged' &&
      open.order !== 'withdrawn' &&
      open.sentBy !== link
    const send = async () => {
      if (!isDue()) return
      const due = await journal.order(open.command_id)
      if (due && isDue()) this.#executeNow(open, link, due)
    }
    this.#queue.enqueue(link, send).catch((error) => expiry.failed(open.command_id, error))
  }

  /** False where the agent does not read its orders, which is logged. */
  push(link: AgentLink, order: LinkEvent): boolean {
    try {
      link.push(order)
      return true
    } catch (error) {
      const command_id = 'command_id' in order ? order.command_id : undefined
      const fields = { command_id, agent_id: link.agent_id, cause: messageOf(error) }
      this.#options.log.warn(fields, 'order not sent')
      return false
    }
  }

  #executeNow(open: OpenCommand, link: AgentLink, due: ExecuteOrder): void {
    if (due.open_stdin && !link.features.includes('stdin')) return this.#refuseOpenInput(open)
    const { log, open: all, expiry, events, checkpoint } = this.#options
    const { command_id, agent_id } = open
    // The time is for agents that are offline: to one that is here the way takes some, too.
    const expires_at = Math.max(due.expires_at, steadyNow() + TRANSIT_MS)
    const signed = this.#signed(due, agent_id, expires_at)
    const order = { ...signed, expires_at, ...checkpointFor(link, checkpoint?.()) }
    open.order = 'sent'
    open.sentBy = link
    log.debug({ command_id, agent_id }, 'order sent')
    all.clearTimer(open)
    if (this.push(link, order)) {
      if (due.open_stdin) events.publish({ type: 'order_sent', command_id, agent_id })
      return
    }
    const sentence = 'The agent does not read its orders.'
    expiry.endSoon(open, 'error', { code: 'AGENT_BUSY', sentence })
  }

  /** With another time it needs another signature: only what is signed already gets one. */
  #signed(due: ExecuteOrder, agent_id: string, expires_at: number): ExecuteOrder {
    const { signer } = this.#options
    if (!signer || expires_at === due.expires_at || due.expires_at < steadyNow() - SIGN_AGAIN_MS) return due
    if (signatureFault([signer], agent_id, due) !== undefined) return due
    return { ...due, sig: signatureOf(signer, agent_id, { ...due, expires_at }) }
  }

  /** The agent would close the standard input, and run the command without what it is to read. */
  #refuseOpenInput(open: OpenCommand): void {
    const { agent_id } = open
    // Its end may take a while to be written: a link that is opened meanwhile does not get the order either.
    open.order = 'withdrawn'
    const sentence = `Agent ${agent_id} is too old for an open standard input: update the agent.`
    this.#options.expiry.endSoon(open, 'error', { code: 'TARGET_UNAVAILABLE', sentence })
  }
}
