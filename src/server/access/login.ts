import type { LoginRequest, TokenReply } from '../../shared/access/identity.js'
import { networkOf } from '../../shared/access/network.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { Events } from '../events.js'
import type { Log } from '../telemetry/ports.js'
import { type Accounts, principalOf } from './accounts.js'
import { LoginQueue } from './login-queue.js'
import { LoginThrottle } from './login-throttle.js'
import { LookAhead } from './look-ahead.js'
import type { OpenLimiter, Passwords, StoredUser, Tokens } from './ports.js'
import { RefusalLog } from './refusal-log.js'
import type { Sessions } from './sessions.js'
import { highestRole, stampOf } from './stored-user.js'

/** Passwords compared at a time, which is as many as hashing has threads; and how many logins may wait. */
const AT_A_TIME = 4
const MAX_WAITING = 10_000

/** Letters of a name that was refused which the audit keeps: a stranger may send any. */
const SHOWN_NAME = 64

/** Who may come in with a password, and as whom. */
export class Login {
  readonly #accounts: Accounts
  readonly #sessions: Sessions
  readonly #passwords: Passwords
  readonly #tokens: Tokens
  readonly #refusals: RefusalLog
  readonly #events: Events
  readonly #throttle: LoginThrottle
  readonly #lookAheads: LookAhead
  readonly #queue = new LoginQueue(AT_A_TIME, MAX_WAITING)

  constructor(ports: {
    accounts: Accounts
    sessions: Sessions
    passwords: Passwords
    tokens: Tokens
    limiters: OpenLimiter
    log: Log
    events: Events
  }) {
    this.#accounts = ports.accounts
    this.#sessions = ports.sessions
    this.#passwords = ports.passwords
    this.#tokens = ports.tokens
    this.#throttle = new LoginThrottle(ports.limiters)
    this.#lookAheads = new LookAhead(ports.limiters)
    this.#refusals = new RefusalLog(ports.log)
    this.#events = ports.events
  }

  /**
   * A token for a name and password. UNAUTHORIZED says the same for a wrong name as for a wrong password, and only with the
   * right one that the account is locked; RATE_LIMITED after too many of them, by that name or from that address. `signal`
   * says that the caller has gone.
   */
  async login(
    { username, password }: LoginRequest,
    address: string,
    signal?: AbortSignal,
  ): Promise<TokenReply> {
    const familiar = await this.#throttle.isFamiliar(username, address)
    const known = familiar ? await this.#lookAhead(username, password, address) : undefined
    if (known) return this.#letIn(known, password, address)
    const place = { network: networkOf(address), familiar, signal }
    // Looked at when its turn comes, so that guesses sent all at once are counted like others.
    const user = await this.#queue.take(place, () => this.#prove(username, password, address))
    return await this.#letIn(user, password, address)
  }

  /**
   * Compares the password of one who is logged in already, counted as logins are. Throws FORBIDDEN for a wrong one,
   * RATE_LIMITED after too many of them.
   */
  async proveAgain(username: string, password: string, address: string, signal?: AbortSignal): Promise<void> {
    const familiar = await this.#throttle.isFamiliar(username, address)
    const place = { network: networkOf(address), familiar, signal }
    try {
      await this.#queue.take(place, () => this.#prove(username, password, address))
    } catch (error) {
      if (!(error instanceof OgentError) || error.code !== 'UNAUTHORIZED') throw error
      throw new OgentError('FORBIDDEN', 'The current password is not the right one.')
    }
  }

  /**
   * For a user who is familiar: what proved right before takes no hash, and so no turn. It is let in also while its name
   * is shut from there, by machines with an old password, which share both with it.
   */
  async #lookAhead(username: string, password: string, address: string): Promise<StoredUser | undefined> {
    const user = await this.#accounts.findNow(username)
    if (!user || user.password_hash === null) return undefined
    if (!(await this.#lookAheads.mayLook(username, address, password))) return undefined
    return this.#passwords.isProven(password, user.password_hash) ? user : undefined
  }

  async #prove(username: string, password: string, address: string): Promise<StoredUser> {
    const wait = await this.#throttle.waitSeconds(username, address)
    if (wait > 0 && !(await this.#throttle.mayTryAnyway(username, address))) {
      this.#refused(username, address, 'too many failures')
      const sentence = `Too many failed logins: try again in ${wait} s.`
      throw new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: wait })
    }
    const user = await this.#accounts.findNow(username)
    const right = await this.#passwords.verify(password, user?.password_hash ?? undefined)
    if (!user || !right) {
      await this.#throttle.failed(username, address)
      this.#refused(username, address, 'wrong name or password')
      this.#audit(username, address, 'wrong name or password')
      throw new OgentError('UNAUTHORIZED', 'Incorrect username or password')
    }
    return user
  }

  async #letIn(user: StoredUser, password: string, address: string): Promise<TokenReply> {
    const { username, user_id, generation, roles } = user
    if (user.disabled_at !== null) {
      this.#refused(username, address, 'the account is locked')
      this.#audit(username, address, 'the account is locked')
      throw new OgentError('UNAUTHORIZED', `The account ${username} is locked: ask an administrator.`)
    }
    const session_id = newId()
    const role = highestRole(roles)
    const [token] = await Promise.all([
      this.#tokens.issue({ username, role, stamp: stampOf(user), user_id, session_id, generation }),
      this.#throttle.cameIn(username, address),
      this.#lookAheads.provedRight(username, address, password),
    ])
    const created_at = Date.now()
    const expires_at = created_at + token.expires_in * 1000
    const session = { session_id, created_at, last_seen_at: created_at, expires_at, address }
    this.#sessions.begin(user_id, { ...session, via: 'password' })
    this.#events.publish({ type: 'logged_in', username, address })
    this.#events.publish({
      type: 'audited',
      actor: { ...principalOf(user), via: 'password', session_id },
      action: 'login',
      object: `user:${username}`,
      verdict: 'allowed',
      reason: '',
      ip: address,
    })
    return token
  }

  #refused(username: string, address: string, why: string): void {
    this.#events.publish({ type: 'login_refused', username, address })
    this.#refusals.refused({ username, address, why })
  }

  /** Not of those that are refused for their number: anyone can make any number of them. */
  #audit(username: string, address: string, reason: string): void {
    this.#events.publish({
      type: 'audited',
      actor: undefined,
      action: 'login',
      object: `user:${username.slice(0, SHOWN_NAME)}`,
      verdict: 'denied',
      reason,
      ip: address,
    })
  }
}
