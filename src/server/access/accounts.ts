import { createHash } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { Periodic } from '../../shared/async/periodic.js'
import { withTimeout } from '../../shared/async/timeout.js'
import { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { Caller } from '../transport/caller.js'
import type { StoredUser, Users } from './ports.js'

/** How often the accounts of what is open are looked at, and how long an account is known without looking, in ms. */
const CHECK_MS = 2000
/** How long a call waits for a store that does not answer, in ms; the account is looked at again soon. */
const PATIENCE_MS = 1000
/** Accounts that are known without looking; what was used longest ago goes first. */
const REMEMBERED = 10_000

type Row = { user: Promise<StoredUser | undefined>; at: number }
type Open = { identity: Caller; end: () => void }

/**
 * Whether the account behind a token still is what it was when the token was made. What is open (sockets, agents' links,
 * replies that last) is ended within seconds of a change. Where the store does not answer, all goes on until it does.
 */
export class Accounts {
  readonly #users: Users
  readonly #log: Log
  readonly #rows = new LRUCache<string, Row>({ max: REMEMBERED })
  readonly #open = new Map<string, Set<Open>>()
  readonly #checks: Periodic

  constructor(users: Users, log: Log) {
    this.#users = users
    this.#log = log
    this.#checks = new Periodic({
      everyMs: CHECK_MS,
      act: () => this.#check(),
      onError: (error) => log.debug({ err: error }, 'the accounts of open connections were not looked up'),
    })
  }

  /** Throws UNAUTHORIZED when the account was removed, or has another role or password. */
  async confirm(identity: Caller): Promise<void> {
    const user = await this.#find(identity.name)
    if (user !== 'unknown' && hasChanged(identity, user)) {
      throw new OgentError('UNAUTHORIZED', 'The account was removed or changed: log in again.')
    }
  }

  /** Calls `end` once, soon after the account has changed, until the returned function is called. */
  watch(identity: Caller, end: () => void): () => void {
    const open: Open = { identity, end }
    const all = this.#open.get(identity.name) ?? new Set()
    this.#open.set(identity.name, all.add(open))
    return () => {
      all.delete(open)
      if (all.size === 0 && this.#open.get(identity.name) === all) this.#open.delete(identity.name)
    }
  }

  close(): void {
    this.#checks.close()
  }

  async #check(): Promise<void> {
    if (this.#open.size === 0) return
    const names = [...this.#open.keys()]
    const users = await this.#users.findAll(names)
    for (const name of names) this.#compare(name, users.get(name))
  }

  #compare(username: string, user: StoredUser | undefined): void {
    const changed = [...(this.#open.get(username) ?? [])].filter(({ identity }) => hasChanged(identity, user))
    if (changed.length === 0) return
    this.#rows.delete(username)
    this.#log.info({ username, count: changed.length }, 'closing what an account that was changed holds open')
    for (const open of changed) {
      this.#open.get(username)?.delete(open)
      open.end()
    }
  }

  async #find(username: string): Promise<StoredUser | undefined | 'unknown'> {
    const held = this.#rows.get(username)
    const row = held && performance.now() - held.at < CHECK_MS ? held : this.#ask(username)
    const failed = (error: unknown) => {
      this.#log.debug({ username, err: error }, 'an account was not looked up')
      return 'unknown' as const
    }
    return withTimeout(row.user.catch(failed), PATIENCE_MS, () => 'unknown' as const)
  }

  #ask(username: string): Row {
    const row: Row = { user: this.#users.find(username), at: performance.now() }
    this.#rows.set(username, row)
    return row
  }
}

/** Tells a password from another without saying anything of either; absent where the account lives with its process. */
export function stampOf({ password_hash, temporary }: StoredUser): string | undefined {
  // Hashed anew at each start, with another salt, at each controller.
  if (temporary) return undefined
  return createHash('sha256').update(password_hash).digest('base64url').slice(0, 16)
}

function hasChanged({ roles, stamp }: Caller, user: StoredUser | undefined): boolean {
  if (!user || !roles.includes(user.role)) return true
  const now = stampOf(user)
  return stamp !== undefined && now !== undefined && stamp !== now
}
