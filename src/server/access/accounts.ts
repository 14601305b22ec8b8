import { Periodic } from '../../shared/async/periodic.js'
import { resolvesWithin } from '../../shared/async/timeout.js'
import { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { Actor, Caller } from '../transport/caller.js'
import { Mirror } from './mirror.js'
import type { EndedSession, ProvenToken, RowChange, SharedRows, StoredUser } from './ports.js'
import { stampOf, temporaryId, withIds } from './stored-user.js'

/** How often what is open is looked at where nothing has changed, for what ends by itself, in ms. */
const CHECK_MS = 5000
/** How long a login waits for a store that does not answer, in ms, for an account that is known here. */
const PATIENCE_MS = 1000
/** How long what is open stays so after a change that came by it, so that its answer arrives, in ms. */
const ANSWER_MS = 400

type Open = { caller: Caller; end: () => void }

export type AccountsOptions = {
  users: SharedRows<StoredUser>
  ended: SharedRows<EndedSession>
  /** Accounts that live as long as the process, before those that are kept. */
  temporary: readonly StoredUser[]
  log: Log
}

/** Whether a caller still is who it was when it was let in; undefined where it is no matter of the one who is asked. */
export type CallerCheck = (caller: Caller) => boolean | undefined

/**
 * The accounts in memory, and whether the account behind a token still is what it was when the token was made. What is open
 * (sockets, agents' links, replies that last) is ended within a second of a change. Where the store does not answer, all goes
 * on until it does.
 */
export class Accounts {
  readonly #log: Log
  readonly #kept: Mirror<StoredUser>
  readonly #ended: Mirror<EndedSession>
  readonly #temporary: ReadonlyMap<string, StoredUser>
  #byId: ReadonlyMap<string, StoredUser> = new Map()
  readonly #open = new Set<Open>()
  /** Logins and API tokens that are changing their own account. */
  readonly #answering = new Map<string, NodeJS.Timeout>()
  readonly #otherChecks = new Set<CallerCheck>()
  readonly #checks: Periodic

  private constructor(
    kept: Mirror<StoredUser>,
    ended: Mirror<EndedSession>,
    { temporary, log }: AccountsOptions,
  ) {
    this.#log = log
    this.#kept = kept
    this.#ended = ended
    this.#temporary = new Map(temporary.map((user) => [user.username, user]))
    this.#index()
    kept.onChange(() => this.#changed())
    ended.onChange(() => this.#changed())
    this.#checks = new Periodic({
      everyMs: CHECK_MS,
      act: async () => this.check(),
      onError: (error) => log.warn({ err: error }, 'what accounts hold open was not looked at'),
    })
  }

  /** Rejects where the accounts cannot be read. Accounts of before get their ids here. */
  static async open(options: AccountsOptions): Promise<Accounts> {
    const { users, ended, log } = options
    const kept = await Mirror.open({ rows: users, what: 'accounts', log, mend: withIds })
    return new Accounts(kept, await Mirror.open({ rows: ended, what: 'ended logins', log }), options)
  }

  /** All of them, those that are kept and those that live as long as the process. */
  get all(): StoredUser[] {
    return [...this.#byId.values()]
  }

  find(username: string): StoredUser | undefined {
    return this.#temporary.get(username) ?? this.#kept.rows.get(username)
  }

  byId(user_id: string): StoredUser | undefined {
    return this.#byId.get(user_id)
  }

  /** An account as the store has it at this moment. Throws UNAVAILABLE. */
  async findNow(username: string): Promise<StoredUser | undefined> {
    const temporary = this.#temporary.get(username)
    if (temporary) return temporary
    const read = this.#kept.refresh()
    // What is unknown here waits for the store itself, which may know it.
    if (!this.#kept.rows.has(username)) await read
    else if (!(await resolvesWithin(read, PATIENCE_MS)))
      this.#log.debug({ username }, 'an account was not read again')
    return this.find(username)
  }

  /** See `Mirror.change`. Accounts that live as long as the process are not among the rows. */
  change<T>(
    act: (rows: ReadonlyMap<string, StoredUser>) => { change: RowChange<StoredUser>; result: T },
  ): Promise<T> {
    return this.#kept.change(act)
  }

  /** Who calls by a token, with the roles that the account has now. Throws UNAUTHORIZED where the token holds no more. */
  confirm(token: ProvenToken): Caller {
    const user = token.user_id === undefined ? this.find(token.username) : this.#byId.get(token.user_id)
    if (!user || !isCurrent(token, user) || this.#ended.rows.has(token.session_id)) throw changed()
    return {
      ...principalOf(user),
      via: 'password',
      session_id: token.session_id,
      authenticated_at: token.issued_at,
      generation: user.generation,
      expires_at: token.expires_at,
    }
  }

  /** Ends a login before its token, at every controller; `until`: when the token ends, in ms since 1970. */
  endSession(user_id: string, session_id: string, until: number): Promise<void> {
    return this.#ended.change((rows) => {
      const now = Date.now()
      const remove = [...rows].filter(([, row]) => row.until < now).map(([key]) => key)
      return { change: { put: [[session_id, { user_id, until }]], remove }, result: undefined }
    })
  }

  isEnded(session_id: string): boolean {
    return this.#ended.rows.has(session_id)
  }

  /** Asks this as well whether a caller still is who it was, as for tokens that are no logins. */
  addCheck(check: CallerCheck): void {
    this.#otherChecks.add(check)
  }

  /** Lets an actor that is about to end itself have the answer first: it ends a moment later. */
  answerFirst({ session_id }: Pick<Actor, 'session_id'>): void {
    clearTimeout(this.#answering.get(session_id))
    const timer = setTimeout(() => {
      this.#answering.delete(session_id)
      this.check()
    }, ANSWER_MS)
    timer.unref()
    this.#answering.set(session_id, timer)
  }

  /** Calls `end` once, soon after the caller is no longer who it was, until the returned function is called. */
  watch(caller: Caller, end: () => void): () => void {
    const open: Open = { caller, end }
    this.#open.add(open)
    return () => void this.#open.delete(open)
  }

  /** Ends what is open in the name of callers that are no longer who they were. */
  check(): void {
    for (const open of [...this.#open]) {
      if (this.#answering.has(open.caller.session_id) || this.#isStill(open.caller)) continue
      this.#open.delete(open)
      const { name: username, session_id } = open.caller
      this.#log.info({ username, session_id }, 'closing what an account that was changed holds open')
      open.end()
    }
  }

  close(): void {
    this.#checks.close()
    for (const timer of this.#answering.values()) clearTimeout(timer)
    this.#kept.close()
    this.#ended.close()
  }

  #changed(): void {
    this.#index()
    this.check()
  }

  #index(): void {
    const users = new Map([...this.#kept.rows, ...this.#temporary])
    this.#byId = new Map([...users.values()].map((user) => [user.user_id, user]))
  }

  #isStill(caller: Caller): boolean {
    for (const check of this.#otherChecks) {
      const said = check(caller)
      if (said !== undefined) return said
    }
    const user = this.#byId.get(caller.principal_id)
    if (!user || this.#ended.rows.has(caller.session_id)) return false
    const isLogin = caller.generation === undefined || caller.generation === user.generation
    return isLogin && hasRights(user, caller.roles)
  }
}

/** Whether an account is not locked, and has these roles. */
export function hasRights(user: StoredUser, roles: readonly string[]): boolean {
  if (user.disabled_at !== null || user.roles.length !== roles.length) return false
  return user.roles.every((role) => roles.includes(role))
}

/** An account as one that acts. */
export function principalOf({
  user_id,
  kind,
  username,
  roles,
}: StoredUser): Pick<Actor, 'principal_id' | 'kind' | 'name' | 'roles'> {
  return { principal_id: user_id, kind, name: username, roles: [...roles] }
}

/** An account that lives as long as the process. */
export function temporaryUser(username: string, role: string, password_hash: string): StoredUser {
  return {
    user_id: temporaryId(username),
    username,
    kind: 'user',
    roles: [role],
    password_hash,
    disabled_at: null,
    generation: 0,
    created_at: null,
    temporary: true,
  }
}

function isCurrent(token: ProvenToken, user: StoredUser): boolean {
  if (user.disabled_at !== null) return false
  if (token.generation !== undefined) return token.generation === user.generation
  // Made by a controller of before, for an account that has not been changed since.
  if (user.generation !== 0 || token.role === undefined || !user.roles.includes(token.role)) return false
  const now = stampOf(user)
  return token.stamp === undefined || now === undefined || token.stamp === now
}

function changed(): OgentError {
  return new OgentError('UNAUTHORIZED', 'The account was removed or changed: log in again.')
}
