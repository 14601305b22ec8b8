import type { Database } from 'lmdb'
import type { LmdbFolder } from '../../storage/folder.lmdb.js'
import type { EnrolmentRows, RowChange, Table } from './rows.js'

type Listener = Parameters<EnrolmentRows['onChange']>[0]

/** Nonces that have expired are swept after so many new ones. */
const SWEEP_AFTER = 1000

/** In the same environment as the journal, and whole in memory: one controller has them to itself. */
export class LmdbEnrolmentRows implements EnrolmentRows {
  readonly #folder: LmdbFolder
  readonly #kept: Database<string | number, string>
  readonly #rows = new Map<string, string>()
  readonly #nonces = new Map<string, number>()
  readonly #listeners = new Set<Listener>()
  #unswept = 0

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#kept = folder.root.openDB({ name: 'enrolment' })
    for (const { key, value } of this.#kept.getRange()) {
      if (typeof value === 'number') this.#nonces.set(key, value)
      else this.#rows.set(key, value)
    }
  }

  async all(table: Table): Promise<Map<string, string>> {
    const prefix = `${table} `
    const found = [...this.#rows].filter(([key]) => key.startsWith(prefix))
    return new Map(found.map(([key, row]) => [key.slice(prefix.length), row]))
  }

  async get(table: Table, key: string): Promise<string | undefined> {
    return this.#rows.get(nameOf(table, key))
  }

  async swap(changes: RowChange[], onWritten: () => void = () => {}): Promise<boolean> {
    await this.#folder.check()
    if (changes.some(({ table, key, from }) => this.#rows.get(nameOf(table, key)) !== from)) return false
    for (const { table, key, to } of changes) {
      if (to === undefined) this.#rows.delete(nameOf(table, key))
      else this.#rows.set(nameOf(table, key), to)
    }
    const written = this.#folder.write(() =>
      changes.map(({ table, key, to }) => {
        const name = nameOf(table, key)
        return to === undefined ? this.#kept.remove(name) : this.#kept.put(name, to)
      }),
    )
    onWritten()
    for (const { table, key } of changes) for (const listener of this.#listeners) listener({ table, key })
    await written
    return true
  }

  onChange(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  async spend(nonce: string, expiresAt: number): Promise<boolean> {
    const name = `nonce ${nonce}`
    if (this.#nonces.has(name)) return false
    this.#nonces.set(name, expiresAt)
    const expired = this.#expired()
    // A nonce that a crash forgets within the same second was answered to no caller.
    await this.#folder.write(() => [
      this.#kept.put(name, expiresAt),
      ...expired.map((each) => this.#kept.remove(each)),
    ])
    return true
  }

  close(): void {
    this.#listeners.clear()
  }

  #expired(): string[] {
    this.#unswept += 1
    if (this.#unswept < SWEEP_AFTER) return []
    this.#unswept = 0
    const now = Date.now()
    const expired = [...this.#nonces].filter(([, until]) => until < now).map(([name]) => name)
    for (const name of expired) this.#nonces.delete(name)
    return expired
  }
}

function nameOf(table: Table, key: string): string {
  return `${table} ${key}`
}
