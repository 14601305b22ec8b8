import { OgentError } from '../../shared/errors.js'
import type { CommandState, Subscriber } from '../journal/port.js'
import type { Actor } from '../transport/caller.js'
import type { Policy, Resource } from '../transport/policy.js'

/** What an actor may do with a command that there is. */

export function resourceOf({ record }: CommandState): Resource {
  const { command_id, agent_id, requested_by } = record
  return { command_id, agent_id, requested_by }
}

/** Throws FORBIDDEN, and COMMAND_NOT_FOUND where the actor may not know of it. */
export function assertMayView(policy: Policy, actor: Actor, state: CommandState): void {
  policy.authorize(actor, 'commands.view', resourceOf(state))
}

/** A subscriber that is asked about when it begins, after which `onView` is called, and again before it is given more by another policy. */
export function checkedSubscriber(
  policy: Policy,
  actor: Actor,
  subscriber: Omit<Subscriber, 'authorize'>,
  onView: (state: CommandState) => void,
): Subscriber {
  let state: CommandState | undefined
  let { revision } = policy
  return {
    ...subscriber,
    authorize: (found) => {
      state = found
      assertMayView(policy, actor, found)
      onView(found)
    },
    ready: async () => {
      await subscriber.ready?.()
      if (revision === policy.revision || !state) return
      revision = policy.revision
      assertMayView(policy, actor, state)
    },
  }
}

/** Rights that are gone since a command was started are gone for its output as well. */
export function isDenied(error: unknown): boolean {
  return error instanceof OgentError && (error.code === 'FORBIDDEN' || error.code === 'APPROVAL_REQUIRED')
}
