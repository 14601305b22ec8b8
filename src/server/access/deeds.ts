import { type AuditFact, actorRef } from '../events.js'
import type { Actor } from '../transport/caller.js'

/** What an actor did to something of the accounts, as the audit has it. */
export function deed(
  actor: Actor,
  action: string,
  object: string,
  details?: Record<string, unknown>,
): AuditFact & { type: 'audited' } {
  return {
    type: 'audited',
    actor: actorRef(actor),
    action,
    object,
    verdict: 'allowed',
    reason: '',
    ip: actor.address,
    ...(details === undefined ? {} : { details }),
  }
}
