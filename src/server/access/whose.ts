import { OgentError } from '../../shared/errors.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import type { Accounts } from './accounts.js'
import type { StoredUser } from './ports.js'

/** Whether an actor asks about its own account; one of its name that was made later is another one. */
export function asksForOwn(accounts: Accounts, actor: Actor, username: string): boolean {
  return actor.name === username && accounts.find(username)?.user_id === actor.principal_id
}

/** Throws NOT_FOUND. */
export function findUser(accounts: Accounts, username: string): StoredUser {
  const user = accounts.find(username)
  if (!user) throw unknownUser(username)
  return user
}

export function unknownUser(username: string): OgentError {
  return new OgentError('NOT_FOUND', `There is no account ${username}.`)
}

/** Throws FORBIDDEN for an account that comes with the settings of the controller. */
export function mustStore(user: StoredUser): StoredUser {
  if (!user.temporary) return user
  const sentence = `The account ${user.username} is set by the settings of the controller (ADMIN_PASSWORD, or \`users\` of createController): change it there.`
  throw new OgentError('FORBIDDEN', sentence)
}

/** Throws FORBIDDEN where an account has a role that the actor may not give: it may do more than the actor. */
export function assertMayTouch(policy: Policy, actor: Actor, { roles }: StoredUser): void {
  for (const role of roles) {
    try {
      policy.authorizeRoles(actor, [role])
    } catch (error) {
      // A role that there is not any more gives no right.
      if (!(error instanceof OgentError) || error.code !== 'VALIDATION_FAILED') throw error
    }
  }
}
