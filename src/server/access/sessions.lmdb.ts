import type { Database } from 'lmdb'
import type { LmdbFolder } from '../storage/folder.lmdb.js'
import type { SessionStore, StoredSession } from './ports.js'
import { droppedSessions, KEPT_SESSIONS } from './session-bound.js'

/** What the logins of one account are kept under. */
type Row = { last_login: number | undefined; sessions: Map<string, StoredSession> }

/** By `user_id session_id`, and the last login of an account by its id alone. */
type Kept = StoredSession | number

/** The logins of the one controller that has this folder, which knows them all. */
export class LmdbSessions implements SessionStore {
  readonly #folder: LmdbFolder
  readonly #kept: Database<Kept, string>
  readonly #users = new Map<string, Row>()

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#kept = folder.root.openDB({ name: 'sessions' })
    const now = Date.now()
    const ended: string[] = []
    for (const { key, value } of this.#kept.getRange()) {
      const [user_id = ''] = key.split(' ')
      if (typeof value === 'number') this.#row(user_id).last_login = value
      else if (value.expires_at > now) this.#row(user_id).sessions.set(value.session_id, value)
      else ended.push(key)
    }
    if (ended.length > 0) this.#write({ remove: ended }).catch(() => {})
  }

  add(user_id: string, session: StoredSession): Promise<void> {
    const { sessions } = this.#row(user_id)
    sessions.set(session.session_id, session)
    const dropped =
      sessions.size > KEPT_SESSIONS ? droppedSessions([...sessions.values()], session.created_at) : []
    for (const session_id of dropped) sessions.delete(session_id)
    return this.#write({
      put: [[keyOf(user_id, session.session_id), session]],
      remove: dropped.map((session_id) => keyOf(user_id, session_id)),
    })
  }

  async seen(user_id: string, session_id: string, at: number, address: string): Promise<void> {
    const { sessions } = this.#row(user_id)
    const before = sessions.get(session_id)
    if (!before) return
    const session = { ...before, last_seen_at: at, address }
    sessions.set(session_id, session)
    await this.#write({ put: [[keyOf(user_id, session_id), session]] })
  }

  async list(user_id: string): Promise<StoredSession[]> {
    return [...(this.#users.get(user_id)?.sessions.values() ?? [])]
  }

  remove(user_id: string, session_id?: string): Promise<void> {
    const { sessions } = this.#row(user_id)
    const gone = session_id === undefined ? [...sessions.keys()] : [session_id]
    for (const id of gone) sessions.delete(id)
    return this.#write({ remove: gone.map((id) => keyOf(user_id, id)) })
  }

  async lastLogins(user_ids: readonly string[]): Promise<Map<string, number>> {
    return new Map(
      user_ids.flatMap((user_id) => {
        const at = this.#users.get(user_id)?.last_login
        return at === undefined ? [] : [[user_id, at] as const]
      }),
    )
  }

  noteLogin(user_id: string, at: number): Promise<void> {
    this.#row(user_id).last_login = at
    return this.#write({ put: [[user_id, at]] })
  }

  #row(user_id: string): Row {
    const row = this.#users.get(user_id) ?? { last_login: undefined, sessions: new Map() }
    this.#users.set(user_id, row)
    return row
  }

  #write({ put = [], remove = [] }: { put?: [string, Kept][]; remove?: string[] }): Promise<void> {
    return this.#folder.write(() => [
      ...remove.map((key) => this.#kept.remove(key)),
      ...put.map(([key, value]) => this.#kept.put(key, value)),
    ])
  }
}

function keyOf(user_id: string, session_id: string): string {
  return `${user_id} ${session_id}`
}
