import type { Role, TokenReply } from '../../shared/access/identity.js'
import type { Grant } from '../../shared/access/policy.js'
import type { AccountKind } from '../../shared/access/users.js'
import type { Limiter, LimiterOptions } from '../transport/limits/port.js'

/** An account as it is kept. Immutable: a change makes another one. */
export type StoredUser = {
  /** Never given again. Empty for a moment in a row of before accounts had ids: see `Accounts`. */
  user_id: string
  username: string
  kind: AccountKind
  roles: readonly string[]
  /** Null for a service account, which cannot log in. */
  password_hash: string | null
  /** Since when it is locked; null where it is not. */
  disabled_at: string | null
  /** One more with each change that ends its logins. 0 in a row of before, so that the tokens of then go on. */
  generation: number
  created_at: string | null
  /** Whether it is not stored, but lives as long as the process. */
  temporary?: true
}

/** A login whose token has not ended. Times in ms since 1970. */
export type StoredSession = {
  session_id: string
  created_at: number
  last_seen_at: number
  expires_at: number
  address: string
  via: 'password' | 'oidc'
}

/** A login that was ended before its token; forgotten when that ends, in ms since 1970. */
export type EndedSession = { user_id: string; until: number }

/** An API token as it is kept: nothing of it opens anything. Times in ms since 1970. */
export type StoredToken = {
  token_id: string
  name: string
  /** The id of the account in whose name it acts. */
  owner_id: string
  /** SHA-256 of the whole token, in base64url. */
  hash: string
  /** The grants that it was made with; null: none, so that it may do all that its owner may. */
  grants: Grant[] | null
  /** What narrows it, each list by itself: its own grants, and those of the tokens that it was made by. */
  narrowed: readonly (readonly Grant[])[]
  /** The tokens that it was made by, the first one first: it ends with any of them. */
  ancestors: string[]
  created_at: number
  expires_at: number
}

/** When and from where an API token was last used, in ms since 1970. */
export type TokenUse = { at: number; address: string }

/** The uses of API tokens, for those who look at them. */
export interface TokenUses {
  note(token_id: string, use: TokenUse): Promise<void>
  /** Of those of these tokens that were used. */
  of(token_ids: readonly string[]): Promise<Map<string, TokenUse>>
  remove(token_ids: readonly string[]): Promise<void>
}

/** Rows by their keys that are to be added or replaced, and keys of those that go. */
export type RowChange<Row> = { put?: readonly [key: string, row: Row][]; remove?: readonly string[] }

/** Rows that all controllers of a store share, few enough for the memory of each. One suite for every implementation. */
export interface SharedRows<Row> {
  /** All rows, and what tells this state from any other; undefined where it is still that of `version`. */
  read(version: string | undefined): Promise<{ version: string; rows: ReadonlyMap<string, Row> } | undefined>
  /** Changes all of that or nothing; false where the rows are no longer those of `version`. */
  write(change: RowChange<Row>, version: string): Promise<boolean>
  /** Calls within a second of a change, also of one elsewhere, and for no reason as well, until the result is called. */
  listen(onChange: () => void): () => void
}

/** The logins of accounts, for those who look at them: whether a token holds is not asked here. */
export interface SessionStore {
  /** Remembers a login; of one account the newest are kept. */
  add(user_id: string, session: StoredSession): Promise<void>
  /** Notes that a login was used; does nothing where it is not remembered. */
  seen(user_id: string, session_id: string, at: number, address: string): Promise<void>
  /** In no order, and some may have ended. */
  list(user_id: string): Promise<StoredSession[]>
  /** Forgets one login of an account, or all of them. */
  remove(user_id: string, session_id?: string): Promise<void>
  /** When these accounts logged in last, in ms since 1970, of those that did. */
  lastLogins(user_ids: readonly string[]): Promise<Map<string, number>>
  noteLogin(user_id: string, at: number): Promise<void>
}

export interface Passwords {
  /** Compares in constant time; with no hash it takes as long as with one, and says no. */
  verify(password: string, hash: string | undefined): Promise<boolean>
  /** Whether it proved right before; false where that is not remembered. */
  isProven(password: string, hash: string): boolean
}

/** Whose token it is, and of which login. */
export type TokenSubject = {
  username: string
  /** For controllers of before, which know one role and no id. */
  role?: Role | undefined
  /** For those as well: tells the password of the account from another one. */
  stamp?: string | undefined
  user_id: string
  session_id: string
  generation: number
}

/** What a token proves of itself. Times in ms since 1970. */
export type ProvenToken = {
  username: string
  session_id: string
  issued_at: number
  expires_at: number
  /** Absent in the tokens of controllers of before. */
  user_id?: string | undefined
  generation?: number | undefined
  /** What those have instead. */
  role?: string | undefined
  stamp?: string | undefined
}

export interface Tokens {
  issue(subject: TokenSubject): Promise<TokenReply>
  /** Throws UNAUTHORIZED, saying whether the token is wrong or has expired. */
  verify(token: string): Promise<ProvenToken>
}

/** Opens a limiter of logins: in the memory of one controller, or for all controllers that share a store. */
export type OpenLimiter = (options: LimiterOptions) => Limiter

export type Account = { username: string; password: string; role: Role }

/**
 * An account that lives as long as the controller, besides those of the data folder. `password_hash` is what the file
 * of accounts keeps: `scrypt$N$r$p$salt$key`, the last two in base64url.
 */
export type GivenAccount = Account | { username: string; password_hash: string; role: Role }
