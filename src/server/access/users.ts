import type {
  ParsedNewUser,
  ParsedPasswordChange,
  ParsedUserChange,
  ParsedUserQuery,
  User,
  UserPage,
} from '../../shared/access/users.js'
import { OgentError } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import type { Accounts } from './accounts.js'
import { deed } from './deeds.js'
import type { Login } from './login.js'
import { assertPassword, type PasswordRule } from './password-rule.js'
import type { StoredUser } from './ports.js'
import type { Sessions } from './sessions.js'
import { newStoredUser } from './stored-user.js'
import { asksForOwn, assertMayTouch, findUser, mustStore, unknownUser } from './whose.js'

export type UserServiceOptions = {
  accounts: Accounts
  sessions: Sessions
  login: Pick<Login, 'proveAgain'>
  policy: Policy
  hash(password: string): Promise<string>
  passwordRule: PasswordRule
  /** Whether an account may keep accounts, so that the last one that may stays. */
  isManager(user: StoredUser): boolean
  /** What goes with an account: its API tokens. */
  forgetOwner(user_id: string): Promise<void>
  events: Events
}

type Rows = ReadonlyMap<string, StoredUser>

/** What is done with accounts, each call in the name of an actor. All throw FORBIDDEN. */
export class UserService {
  readonly #options: UserServiceOptions

  constructor(options: UserServiceOptions) {
    this.#options = options
  }

  /** A page of the accounts, in the order of their names. */
  async list(actor: Actor, { limit, cursor = '' }: ParsedUserQuery): Promise<UserPage> {
    const { policy, accounts } = this.#options
    policy.authorize(actor, 'users.manage')
    const rest = accounts.all
      .filter(({ username }) => username > cursor)
      .sort((a, b) => (a.username < b.username ? -1 : 1))
    const page = rest.slice(0, limit)
    const next_cursor = rest.length > limit ? (page.at(-1)?.username ?? null) : null
    return { users: await this.#shown(page), next_cursor }
  }

  /** Throws NOT_FOUND. */
  async get(actor: Actor, username: string): Promise<User> {
    const { policy, accounts } = this.#options
    policy.authorize(actor, 'users.manage')
    return this.#show(findUser(accounts, username))
  }

  /** Throws USER_EXISTS, and VALIDATION_FAILED for a role that there is not and a password that is none. */
  async create(actor: Actor, { username, password, roles, kind }: ParsedNewUser): Promise<User> {
    const { policy, accounts, hash, passwordRule, events } = this.#options
    policy.authorize(actor, 'users.manage')
    policy.authorizeRoles(actor, roles)
    if (password !== undefined) assertPassword(passwordRule, password, roles)
    // Before the hash, which takes long; looked at again when it is stored.
    if (accounts.find(username)) throw userExists(username)
    const password_hash = password === undefined ? null : await hash(password)
    const made = newStoredUser({ username, roles, password_hash, kind })
    await accounts.change((rows) => {
      if (rows.has(username)) throw userExists(username)
      return { change: { put: [[username, made]] }, result: undefined }
    })
    events.publish(deed(actor, 'users.create', `user:${username}`, { user_id: made.user_id, roles, kind }))
    return this.#show(made)
  }

  /** Changes roles, or locks and unlocks. What is open in its name ends. Throws NOT_FOUND, VALIDATION_FAILED. */
  async update(actor: Actor, { username, roles, disabled }: ParsedUserChange): Promise<User> {
    const { policy, accounts, events } = this.#options
    policy.authorize(actor, 'users.manage')
    mustStore(findUser(accounts, username))
    if (roles) policy.authorizeRoles(actor, roles)
    if (asksForOwn(accounts, actor, username)) accounts.answerFirst(actor)
    const changed = await accounts.change((rows) => {
      const before = this.#mine(actor, rows, username)
      const after = { ...before, ...(roles ? { roles } : {}), ...lockOf(before, disabled) }
      if (isSame(before, after)) return { change: {}, result: before }
      const next = { ...after, generation: before.generation + 1 }
      this.#assertManaged(rows, before, next)
      return { change: { put: [[username, next]] }, result: next }
    })
    const details = {
      ...(roles === undefined ? {} : { roles }),
      ...(disabled === undefined ? {} : { disabled }),
    }
    events.publish(deed(actor, 'users.update', `user:${username}`, details))
    return this.#show(changed)
  }

  /** Removes an account, with its logins and API tokens. Throws NOT_FOUND, VALIDATION_FAILED. */
  async remove(actor: Actor, username: string): Promise<void> {
    const { policy, accounts, sessions, forgetOwner, events } = this.#options
    policy.authorize(actor, 'users.manage')
    mustStore(findUser(accounts, username))
    if (asksForOwn(accounts, actor, username)) accounts.answerFirst(actor)
    const { user_id } = await accounts.change((rows) => {
      const before = this.#mine(actor, rows, username)
      this.#assertManaged(rows, before, undefined)
      return { change: { remove: [username] }, result: before }
    })
    events.publish(deed(actor, 'users.remove', `user:${username}`, { user_id }))
    await Promise.all([sessions.remove(user_id), forgetOwner(user_id)])
  }

  /**
   * Gives an account another password, which ends its logins and not its API tokens. One's own takes the one until now.
   * Throws NOT_FOUND, VALIDATION_FAILED, RATE_LIMITED.
   */
  async setPassword(
    actor: Actor,
    { username, password, current_password }: ParsedPasswordChange,
    address: string,
    signal?: AbortSignal,
  ): Promise<void> {
    const { policy, accounts, sessions, login, hash, passwordRule, events } = this.#options
    const own = asksForOwn(accounts, actor, username)
    if (!own) policy.authorize(actor, 'users.manage')
    if (actor.via === 'api_token') throw new OgentError('FORBIDDEN', NO_TOKEN)
    const user = mustStore(findUser(accounts, username))
    if (user.kind === 'service') throw invalid('username', `${username} is a service account, which has none`)
    assertPassword(passwordRule, password, user.roles)
    if (own) {
      if (current_password === undefined) throw invalid('current_password', 'is missing')
      await login.proveAgain(username, current_password, address, signal)
    } else assertMayTouch(policy, actor, user)
    const password_hash = await hash(password)
    if (own) accounts.answerFirst(actor)
    await accounts.change((rows) => {
      const before = own ? rows.get(username) : this.#mine(actor, rows, username)
      // Another account by now, which has that name.
      if (before?.user_id !== user.user_id) throw unknownUser(username)
      const next = { ...before, password_hash, generation: before.generation + 1 }
      return { change: { put: [[username, next]] }, result: undefined }
    })
    events.publish(deed(actor, 'users.password', `user:${username}`))
    await sessions.remove(user.user_id)
  }

  /** An account that the actor may change: it has no rights that the actor has not. Throws NOT_FOUND, FORBIDDEN. */
  #mine(actor: Actor, rows: Rows, username: string): StoredUser {
    const user = rows.get(username)
    if (!user) throw unknownUser(username)
    assertMayTouch(this.#options.policy, actor, user)
    return user
  }

  /** Throws where a change leaves no account that may keep accounts. `after`: undefined where it is removed. */
  #assertManaged(rows: Rows, before: StoredUser, after: StoredUser | undefined): void {
    const { isManager, accounts } = this.#options
    const manages = (user: StoredUser) => user.disabled_at === null && user.kind === 'user' && isManager(user)
    if (!manages(before) || (after && manages(after))) return
    const temporary = accounts.all.filter(({ temporary }) => temporary)
    const others = [...rows.values(), ...temporary].filter(({ user_id }) => user_id !== before.user_id)
    if (others.some(manages)) return
    throw invalid('username', `${before.username} is the last account that may keep accounts: it stays one`)
  }

  async #show(user: StoredUser): Promise<User> {
    const [shown] = await this.#shown([user])
    if (!shown) throw unknownUser(user.username)
    return shown
  }

  async #shown(users: readonly StoredUser[]): Promise<User[]> {
    const logins = await this.#options.sessions.lastLogins(users.map(({ user_id }) => user_id))
    return users.map(({ password_hash: _hash, temporary = false, roles, ...user }) => ({
      ...user,
      roles: [...roles],
      last_login_at: logins.get(user.user_id) ?? null,
      temporary,
    }))
  }
}

const NO_TOKEN = 'An API token cannot change a password: log in.'

function lockOf({ disabled_at }: StoredUser, disabled: boolean | undefined) {
  if (disabled === undefined || disabled === (disabled_at !== null)) return {}
  return { disabled_at: disabled ? new Date().toISOString() : null }
}

function isSame(a: StoredUser, b: StoredUser): boolean {
  const isSubset = a.roles.every((role) => b.roles.includes(role))
  return a.disabled_at === b.disabled_at && isSubset && a.roles.length === b.roles.length
}

function userExists(username: string): OgentError {
  return new OgentError('USER_EXISTS', `There is an account ${username} already.`)
}

function invalid(field: string, msg: string): OgentError {
  return new OgentError('VALIDATION_FAILED', `${field}: ${msg}`, {
    issues: [{ loc: ['body', field], msg, type: 'invalid_value' }],
  })
}
