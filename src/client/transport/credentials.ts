import { TokenFailure } from '../errors.js'
import { login } from './login.js'
import type { Reach } from './reach.js'

/** How a client proves who it is: a name and password, a token, or a function that gives one. */
export type Credentials = PasswordCredentials | TokenCredentials

/** A name and a password, by which the client takes tokens itself. */
export interface PasswordCredentials {
  /** The name of the account. */
  username: string
  /** Its password. */
  password: string
  /** Not beside a password. */
  token?: never
}

/** A token, or a function that gives one. */
export interface TokenCredentials {
  /**
   * The token; or a function, which is asked again when the last one grows old or is refused. What it throws reaches the
   * caller as it is, and is not tried again, but for an OgentError of the code CONNECTION_LOST.
   */
  token: string | (() => Promise<string>)
  /** Not beside a token. */
  username?: never
  /** Not beside a token. */
  password?: never
}

/** Of a token's life, the part after which a fresh one is taken. */
const RENEW_AFTER = 0.8

/** Gives a token that still lives for a while, taking a fresh one when it must. */
export class TokenKeeper {
  readonly #url: string
  readonly #credentials: Credentials
  readonly #reach: Reach
  #held: { token: string; renewAt: number } | undefined
  #fetching: Promise<string> | undefined

  constructor(url: string, credentials: Credentials, reach: Reach) {
    this.#url = url
    this.#credentials = credentials
    this.#reach = reach
  }

  /** Whether the token of the present sessions is to be replaced. */
  get stale(): boolean {
    return this.#held !== undefined && this.#held.renewAt <= Date.now()
  }

  /** Throws UNAUTHORIZED, CONNECTION_LOST, or TokenFailure. */
  async token(): Promise<string> {
    if (this.#held && !this.stale) return this.#held.token
    this.#fetching ??= this.#fetch().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  /** Forgets a token that was refused. False when there is no way to get another. */
  renew(): boolean {
    if (typeof this.#credentials.token === 'string') return false
    this.#held = undefined
    return true
  }

  async #fetch(): Promise<string> {
    const { token, username, password } = this.#credentials
    const fresh =
      token === undefined
        ? await login({ ...this.#reach, url: this.#url, username, password })
        : typeof token === 'string'
          ? token
          : await ask(token)
    this.#held = { token: fresh, renewAt: renewTime(fresh) }
    return fresh
  }
}

async function ask(token: () => Promise<string>): Promise<string> {
  try {
    return await token()
  } catch (cause) {
    throw new TokenFailure(cause)
  }
}

/** When to replace a token, by the times inside it; one that tells none is kept until it is refused. */
function renewTime(token: string): number {
  const claims = claimsOf(token)
  if (typeof claims.exp !== 'number') return Number.POSITIVE_INFINITY
  const issued = typeof claims.iat === 'number' ? claims.iat : claims.exp
  // Counted from now: this side's clock may differ from the controller's, the length of a life does not.
  return Date.now() + (claims.exp - issued) * RENEW_AFTER * 1000
}

function claimsOf(token: string): { exp?: unknown; iat?: unknown } {
  try {
    const payload = token.split('.')[1] ?? ''
    const claims: unknown = JSON.parse(atob(payload.replaceAll('-', '+').replaceAll('_', '/')))
    return typeof claims === 'object' && claims !== null ? claims : {}
  } catch {
    return {}
  }
}
