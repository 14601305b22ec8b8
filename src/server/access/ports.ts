import type { Role, TokenReply } from '../../shared/access/identity.js'
import type { Caller } from '../transport/caller.js'
import type { Limiter, LimiterOptions } from '../transport/limits/port.js'

export type StoredUser = {
  username: string
  role: Role
  password_hash: string
  /** Whether it is not stored, but lives as long as the process. */
  temporary?: true
}

export interface Users {
  find(username: string): Promise<StoredUser | undefined>
  /** Those of these names that there are. */
  findAll(usernames: string[]): Promise<Map<string, StoredUser>>
}

export interface Passwords {
  /** Compares in constant time; with no hash it takes as long as with one, and says no. */
  verify(password: string, hash: string | undefined): Promise<boolean>
  /** Whether it proved right before; false where that is not remembered. */
  isProven(password: string, hash: string): boolean
}

/** Whose token it is; `stamp` tells the password of the account from another one. */
export type TokenSubject = { username: string; role: Role; stamp?: string | undefined }

export interface Tokens {
  issue(account: TokenSubject): Promise<TokenReply>
  /** Throws UNAUTHORIZED, saying whether the token is wrong or has expired. */
  verify(token: string): Promise<Caller>
}

/** Opens a limiter of logins: in the memory of one controller, or for all controllers that share a store. */
export type OpenLimiter = (options: LimiterOptions) => Limiter

export type Account = { username: string; password: string; role: Role }

/**
 * An account that lives as long as the controller, besides those of the data folder. `password_hash` is what the file
 * of accounts keeps: `scrypt$N$r$p$salt$key`, the last two in base64url.
 */
export type GivenAccount = Account | { username: string; password_hash: string; role: Role }
