import type { LoginRequest, TokenReply } from '../../shared/access/identity.js'
import { networkOf } from '../../shared/access/network.js'
import { OgentError } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Log } from '../telemetry/ports.js'
import type { Caller } from '../transport/caller.js'
import type { Authenticator } from '../transport/services.js'
import { type Accounts, stampOf } from './accounts.js'
import { LoginQueue } from './login-queue.js'
import { LoginThrottle } from './login-throttle.js'
import { LookAhead } from './look-ahead.js'
import type { OpenLimiter, Passwords, StoredUser, Tokens, Users } from './ports.js'
import { RefusalLog } from './refusal-log.js'

/** Passwords compared at a time, which is as many as hashing has threads; and how many logins may wait. */
const AT_A_TIME = 4
const MAX_WAITING = 10_000

/** Who may come in, and as whom. */
export class Login implements Authenticator {
  readonly #users: Users
  readonly #accounts: Accounts
  readonly #passwords: Passwords
  readonly #tokens: Tokens
  readonly #refusals: RefusalLog
  readonly #events: Events
  readonly #throttle: LoginThrottle
  readonly #lookAheads: LookAhead
  readonly #queue = new LoginQueue(AT_A_TIME, MAX_WAITING)

  constructor(ports: {
    users: Users
    accounts: Accounts
    passwords: Passwords
    tokens: Tokens
    limiters: OpenLimiter
    log: Log
    events: Events
  }) {
    this.#users = ports.users
    this.#accounts = ports.accounts
    this.#passwords = ports.passwords
    this.#tokens = ports.tokens
    this.#throttle = new LoginThrottle(ports.limiters)
    this.#lookAheads = new LookAhead(ports.limiters)
    this.#refusals = new RefusalLog(ports.log)
    this.#events = ports.events
  }

  /**
   * A token for a name and password. UNAUTHORIZED says the same for a wrong name as for a wrong password;
   * RATE_LIMITED after too many of them, by that name or from that address. `signal` says that the caller has gone.
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

  /** Throws UNAUTHORIZED, also where the account is no longer what it was when the token was made. */
  async #authenticate(token: string): Promise<Caller> {
    const identity = await this.#tokens.verify(token)
    await this.#accounts.confirm(identity)
    return identity
  }

  async identify(token: string | undefined): Promise<Caller | OgentError> {
    if (token === undefined) return new OgentError('UNAUTHORIZED', 'Not authenticated')
    try {
      return await this.#authenticate(token)
    } catch (error) {
      if (error instanceof OgentError) return error
      throw error
    }
  }

  /** See `Accounts.watch`. */
  watch(identity: Caller, end: () => void): () => void {
    return this.#accounts.watch(identity, end)
  }

  /**
   * For a user who is familiar: what proved right before takes no hash, and so no turn. It is let in also while its name
   * is shut from there, by machines with an old password, which share both with it.
   */
  async #lookAhead(username: string, password: string, address: string): Promise<StoredUser | undefined> {
    const user = await this.#users.find(username)
    if (!user || !(await this.#lookAheads.mayLook(username, address, password))) return undefined
    return this.#passwords.isProven(password, user.password_hash) ? user : undefined
  }

  async #prove(username: string, password: string, address: string): Promise<StoredUser> {
    const wait = await this.#throttle.waitSeconds(username, address)
    if (wait > 0 && !(await this.#throttle.mayTryAnyway(username, address))) {
      this.#refused(username, address, 'too many failures')
      const sentence = `Too many failed logins: try again in ${wait} s.`
      throw new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: wait })
    }
    const user = await this.#users.find(username)
    const right = await this.#passwords.verify(password, user?.password_hash)
    if (!user || !right) {
      await this.#throttle.failed(username, address)
      this.#refused(username, address, 'wrong name or password')
      throw new OgentError('UNAUTHORIZED', 'Incorrect username or password')
    }
    return user
  }

  async #letIn(user: StoredUser, password: string, address: string): Promise<TokenReply> {
    const { username, role } = user
    const [token] = await Promise.all([
      this.#tokens.issue({ username, role, stamp: stampOf(user) }),
      this.#throttle.cameIn(username, address),
      this.#lookAheads.provedRight(username, address, password),
    ])
    return token
  }

  #refused(username: string, address: string, why: string): void {
    this.#events.publish({ type: 'login_refused', username, address })
    this.#refusals.refused({ username, address, why })
  }
}
