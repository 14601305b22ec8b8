import type { UserSessions } from '../../shared/access/users.js'
import { OgentError } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Actor, Caller } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import type { Accounts } from './accounts.js'
import { deed } from './deeds.js'
import type { StoredUser } from './ports.js'
import type { Sessions } from './sessions.js'
import { asksForOwn, assertMayTouch, findUser } from './whose.js'

export type UserSessionsOptions = { accounts: Accounts; sessions: Sessions; policy: Policy; events: Events }

/** The logins of an account: one's own, and with `users.manage` those of others. All throw FORBIDDEN, NOT_FOUND. */
export class UserSessionService {
  readonly #options: UserSessionsOptions

  constructor(options: UserSessionsOptions) {
    this.#options = options
  }

  async list(actor: Actor, username: string): Promise<UserSessions> {
    const { accounts, sessions } = this.#options
    this.#authorize(actor, username)
    const { user_id } = findUser(accounts, username)
    return { sessions: await sessions.list(user_id, actor.session_id) }
  }

  /** Ends every login of an account, at every controller; its API tokens go on. */
  async endAll(actor: Actor, username: string): Promise<void> {
    const { accounts, sessions, events } = this.#options
    const user = this.#mayEnd(actor, username)
    if (user.user_id === actor.principal_id) accounts.answerFirst(actor)
    if (user.temporary) await this.#endListed(user)
    else {
      await accounts.change((rows) => {
        const before = rows.get(username)
        if (before?.user_id !== user.user_id) return { change: {}, result: undefined }
        const next = { ...before, generation: before.generation + 1 }
        return { change: { put: [[username, next]] }, result: undefined }
      })
    }
    events.publish(deed(actor, 'sessions.end', `user:${username}`))
    await sessions.remove(user.user_id)
  }

  /** Ends one login. */
  async end(actor: Caller, username: string, session_id: string): Promise<void> {
    const { accounts, sessions, events } = this.#options
    const user = this.#mayEnd(actor, username)
    // Of more logins than are listed, one's own is known all the same.
    const isOwn = actor.session_id === session_id && actor.principal_id === user.user_id
    const session = await sessions.find(user.user_id, session_id)
    const until = session?.expires_at ?? (isOwn ? actor.expires_at : undefined)
    if (until === undefined || accounts.isEnded(session_id))
      throw new OgentError('NOT_FOUND', `${username} has no login ${session_id}.`)
    if (isOwn) accounts.answerFirst(actor)
    await accounts.endSession(user.user_id, session_id, until)
    events.publish(deed(actor, 'sessions.end', `user:${username}`, { session_id }))
    await sessions.remove(user.user_id, session_id)
  }

  /** What comes with the settings has no generation that outlives the process: its logins end one by one. */
  async #endListed({ user_id }: StoredUser): Promise<void> {
    const { accounts, sessions } = this.#options
    for (const { session_id, expires_at } of await sessions.list(user_id))
      await accounts.endSession(user_id, session_id, Date.parse(expires_at))
  }

  #authorize(actor: Actor, username: string): void {
    const { accounts, policy } = this.#options
    if (!asksForOwn(accounts, actor, username)) policy.authorize(actor, 'users.manage')
  }

  #mayEnd(actor: Actor, username: string): StoredUser {
    const { accounts, policy } = this.#options
    this.#authorize(actor, username)
    const user = findUser(accounts, username)
    if (!asksForOwn(accounts, actor, username)) assertMayTouch(policy, actor, user)
    else if (actor.via === 'api_token')
      throw new OgentError('FORBIDDEN', 'An API token cannot end the logins of its owner: log in.')
    return user
  }
}
