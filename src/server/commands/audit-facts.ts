import { createHash } from 'node:crypto'
import type { RawResultEvent } from '../../shared/commands/event.js'
import { isRequester } from '../../shared/commands/record.js'
import type { Refusal } from '../../shared/commands/refusal.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import { type AuditFact, actorRef } from '../events.js'
import type { CommandState } from '../journal/port.js'
import type { Actor } from '../transport/caller.js'

/** What the audit says of commands: hashes of texts and names of variables, never what is in them. */

/** What is asked of the audit before an order leaves. */
export type OrderAudit = {
  /** Throws UNAVAILABLE while nothing can be recorded. */
  check(): void
  /** Resolves when what was recorded so far is safe, or after a moment; undefined where that goes with the journal. */
  recorded(): Promise<unknown> | undefined
}

/** An order was given, or the guard has refused it. */
export function orderFact(
  actor: Actor,
  agent_id: string,
  order: ExecuteOrder,
  refusal: Refusal | undefined,
): AuditFact {
  const { command_id, command, execution_target, cwd, env, stdin } = order
  return {
    actor: actorRef(actor),
    action: 'order',
    object: `agent:${agent_id}`,
    verdict: refusal ? 'denied' : 'allowed',
    reason: refusal?.sentence ?? '',
    ip: actor.address,
    command_id,
    details: {
      command_sha256: sha256(command),
      target: execution_target,
      cwd,
      env: env && Object.keys(env),
      stdin_sha256: stdin === undefined ? undefined : sha256(stdin),
    },
  }
}

/** An agent has refused an order: by a rule of its own, or since no known controller has signed it. */
export function refusedFact({ command_id, agent_id, result }: RawResultEvent): AuditFact {
  return {
    actor: undefined,
    action: 'order.refused',
    object: `agent:${agent_id}`,
    verdict: 'denied',
    reason: result.reason ?? '',
    command_id,
  }
}

/** An end was asked for; without an actor, by the controller, since the subscriber that it went with is gone. */
export function cancelFact(actor: Actor | undefined, state: CommandState): AuditFact {
  const { command_id, agent_id, requested_by } = state.record
  return {
    actor: actor && actorRef(actor),
    action: 'cancel',
    object: `agent:${agent_id}`,
    verdict: 'allowed',
    reason: '',
    ip: actor?.address,
    command_id,
    details: { requested_by },
  }
}

/** The output of a command was read by another account than the one that asked for it; undefined where that is the same. */
export function viewFact(actor: Actor, { record }: CommandState): AuditFact | undefined {
  const { command_id, agent_id, requested_by } = record
  if (isRequester(record, actor)) return undefined
  return {
    actor: actorRef(actor),
    action: 'commands.view',
    object: `agent:${agent_id}`,
    verdict: 'allowed',
    reason: '',
    ip: actor.address,
    command_id,
    details: { requested_by },
  }
}

/** A feed of the events of all commands was opened, or of some. */
export function feedFact(actor: Actor, filter: Record<string, unknown>): AuditFact {
  return {
    actor: actorRef(actor),
    action: 'commands.view',
    object: 'commands',
    verdict: 'allowed',
    reason: '',
    ip: actor.address,
    details: filter,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
