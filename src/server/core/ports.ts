import type { Agent } from '../../shared/agent.js'
import type { Identity, Role, TokenReply } from '../../shared/identity.js'

/** What the core asks of the outside. The journal's port is in journal.ts. */

export type StoredUser = { username: string; role: Role; password_hash: string }

export interface Users {
  find(username: string): Promise<StoredUser | undefined>
}

export interface Passwords {
  /** Compares in constant time; with no hash it takes as long as with one, and says no. */
  verify(password: string, hash: string | undefined): Promise<boolean>
}

/** An identity as a token proves it; `expires_at` in ms since 1970. */
export type ProvenIdentity = Identity & { expires_at: number }

export interface Tokens {
  issue(identity: Identity): Promise<TokenReply>
  /** Throws UNAUTHORIZED, saying whether the token is wrong or has expired. */
  verify(token: string): Promise<ProvenIdentity>
}

/** An agent as it is remembered: `owner` is the account that registered it first. */
export type KnownAgent = { agent: Agent; owner: string }

export interface AgentStore {
  all(): Promise<KnownAgent[]>
  put(known: KnownAgent): Promise<void>
}

export interface Log {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}
