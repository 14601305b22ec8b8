import { type OrderKey, signatureFault } from '../../orders/signed.js'
import type { Log, Objection, Refusal } from './ports.js'

export type SignatureMode = 'off' | 'warn' | 'require'

export type SignatureOptions = {
  /** What becomes of others, as it is now: keys may be told after the start. */
  mode: () => SignatureMode
  /** The keys whose orders this agent carries out, as they are now. */
  keys: () => readonly OrderKey[]
  agentId: () => string | undefined
  log: Log
}

/** The objection to orders that no known controller has signed, before any other is asked. */
export function signatureObjection(
  { mode, keys, agentId, log }: SignatureOptions,
  next: Objection,
): Objection {
  return (order) => {
    const now = mode()
    if (now === 'off') return next(order)
    const fault = signatureFault(keys(), agentId() ?? '', order)
    if (fault === undefined) return next(order)
    log.warn({ command_id: order.command_id, fault }, 'an order is not signed as it should be')
    return now === 'require' ? refusalFor(fault) : next(order)
  }
}

function refusalFor(fault: string): Refusal {
  return {
    sentence: `The agent carries out orders alone that its controller has signed (ORDER_SIGNATURES): the order ${fault}.`,
    risks: ['It may come from the store of the controller, and not from the controller.'],
  }
}
