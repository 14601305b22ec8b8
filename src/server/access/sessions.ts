import { LRUCache } from 'lru-cache'
import type { UserSession } from '../../shared/access/users.js'
import type { Log } from '../telemetry/ports.js'
import type { Caller } from '../transport/caller.js'
import type { SessionStore, StoredSession } from './ports.js'

/** Logins of one account that are listed; of more, the newest. They hold all the same: a fleet may share an account. */
export const LISTED_SESSIONS = 1000
/** What is noted of a login, or of an account, is written at most so often, in ms. */
const NOTE_MS = 60_000
/** Logins, or accounts, of which is known when they were last written; the one used longest ago goes first. */
const REMEMBERED = 20_000

/** The logins of accounts, as those see them who may end them. A login never waits for what is noted here, or fails by it. */
export class Sessions {
  readonly #store: SessionStore
  readonly #log: Log
  readonly #seen = new LRUCache<string, number>({ max: REMEMBERED })
  readonly #logins = new LRUCache<string, number>({ max: REMEMBERED })

  constructor(store: SessionStore, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** A login was made. */
  begin(user_id: string, session: StoredSession): void {
    const { session_id, created_at } = session
    this.#seen.set(session_id, created_at)
    this.#note(this.#store.add(user_id, session))
    if (!isDue(this.#logins, user_id, created_at)) return
    this.#note(this.#store.noteLogin(user_id, created_at))
  }

  /** A login was used. */
  seen({ principal_id, session_id }: Caller, address: string): void {
    const now = Date.now()
    if (isDue(this.#seen, session_id, now))
      this.#note(this.#store.seen(principal_id, session_id, now, address))
  }

  /** Those of an account whose tokens have not ended, the newest first. */
  async list(user_id: string, current?: string): Promise<UserSession[]> {
    const now = Date.now()
    return (await this.#store.list(user_id))
      .filter(({ expires_at }) => expires_at > now)
      .sort((a, b) => b.created_at - a.created_at)
      .slice(0, LISTED_SESSIONS)
      .map(({ session_id, address, via, ...times }) => ({
        session_id,
        created_at: timeOf(times.created_at),
        last_seen_at: timeOf(times.last_seen_at),
        expires_at: timeOf(times.expires_at),
        address,
        via,
        current: session_id === current,
      }))
  }

  find(user_id: string, session_id: string): Promise<StoredSession | undefined> {
    return this.#store.list(user_id).then((all) => all.find((each) => each.session_id === session_id))
  }

  /** Takes one login of an account from the list, or all of them. */
  remove(user_id: string, session_id?: string): Promise<void> {
    return this.#store.remove(user_id, session_id)
  }

  /** When accounts logged in last, as RFC 3339 times, of those that did. */
  async lastLogins(user_ids: readonly string[]): Promise<Map<string, string>> {
    const times = await this.#store.lastLogins(user_ids)
    return new Map([...times].map(([user_id, ms]) => [user_id, timeOf(ms)]))
  }

  #note(written: Promise<void>): void {
    written.catch((error) => this.#log.debug({ err: error }, 'a login was not noted'))
  }
}

function isDue(times: LRUCache<string, number>, key: string, now: number): boolean {
  const last = times.get(key)
  if (last !== undefined && now - last < NOTE_MS) return false
  times.set(key, now)
  return true
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}
