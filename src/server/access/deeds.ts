import type { AuditFact } from '../events.js'
import type { Actor } from '../transport/caller.js'

/** What an actor did to something of the accounts, as the audit has it. */
export function deed(
  actor: Actor,
  action: string,
  object: string,
  details?: Record<string, unknown>,
): AuditFact & { type: 'audited' } {
  const { principal_id, kind, name, via, session_id, on_behalf_of, address } = actor
  return {
    type: 'audited',
    actor: {
      principal_id,
      kind,
      name,
      via,
      session_id,
      ...(on_behalf_of === undefined ? {} : { on_behalf_of }),
    },
    action,
    object,
    verdict: 'allowed',
    reason: '',
    ip: address,
    ...(details === undefined ? {} : { details }),
  }
}
