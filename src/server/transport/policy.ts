import type { Action } from '../../shared/access/actions.js'
import type { Identity } from '../../shared/access/identity.js'

/** What an action is about, as far as that is known when the policy is asked. */
export type Resource = {
  agent_id?: string
  command_id?: string
  /** The account that asked for the command. */
  requested_by?: string
}

/**
 * The one door for what is done in the name of an account. Every method of a service that has an actor asks it, reading ones too;
 * the transport asks it first, without a resource, so that a caller who may never do an action learns that before the
 * rest of the request is looked at.
 */
export interface Policy {
  /** Throws FORBIDDEN. Without a resource: where the actor may do the action to nothing at all. */
  authorize(actor: Identity, action: Action, resource?: Resource): void
}
