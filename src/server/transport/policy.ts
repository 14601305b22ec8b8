import type { Action } from '../../shared/access/actions.js'
import type { Agent } from '../../shared/agents/agent.js'
import type { RiskLevel } from '../../shared/analysis/analysis.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import type { Actor } from './caller.js'

/** What an action is about, as far as that is known when the policy is asked. */
export type Resource = {
  agent_id?: string
  command_id?: string
  /** The account that asked for the command. */
  requested_by?: string
}

/** What a request may do, and what it has to keep to. */
export type Permit = {
  /** The longest time limit that the command may have, in seconds. */
  max_timeout_seconds?: number | undefined
  /** Where it was allowed to run; absent: wherever the request says. */
  execution_target?: 'local' | 'ssh'
}

/** Which agents an actor may do an action on; `all`: any, so that none has to be tested. */
export type Reach = { all: boolean; includes(agent_id: string): boolean }

/**
 * The one door for what is done in the name of an account. Every method of a service that has an actor asks it, reading ones too;
 * the transport asks it first, without a resource, so that a caller who may never do an action learns that before the
 * rest of the request is looked at.
 */
export interface Policy {
  /** Counts the policies that were in force: what lasts asks again when it is another one. */
  readonly revision: number
  /**
   * Throws FORBIDDEN, and AGENT_NOT_FOUND or COMMAND_NOT_FOUND where the actor may not know that there is such a thing.
   * Without a resource: where the actor may do the action to nothing at all.
   */
  authorize(actor: Actor, action: Action, resource?: Resource): void
  /** Whether the actor may do the action to anything at all: a question that is no try, and is not in the audit. */
  may(actor: Actor, action: Action): boolean
  /**
   * Whether a request may run on this agent as it is. `judge` gives the risk of the command; it is asked where a grant depends
   * on it. Throws FORBIDDEN, APPROVAL_REQUIRED.
   */
  authorizeCommand(
    actor: Actor,
    request: ParsedCommandRequest,
    agent: Agent,
    judge: () => RiskLevel | Promise<RiskLevel>,
  ): Permit | Promise<Permit>
  /**
   * Whether an actor may give an account these roles: none may do more than the actor may. Throws FORBIDDEN, and
   * VALIDATION_FAILED for a role that there is not.
   */
  authorizeRoles(actor: Actor, roles: readonly string[]): void
  /** Whether an actor may let agents join, or label one, so that they have these labels. Throws FORBIDDEN. */
  authorizeLabels(actor: Actor, labels: Readonly<Record<string, string>>, agent_id?: string): void
  /** For lists and feeds: what is out of reach is left out. */
  reach(actor: Actor, action: Action): Reach
}
