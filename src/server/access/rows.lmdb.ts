import type { Database } from 'lmdb'
import type { LmdbFolder } from '../storage/folder.lmdb.js'
import type { RowChange, SharedRows } from './ports.js'

/** Rows of the one controller that has this folder: it knows all of its changes. */
export class LmdbRows<Row> implements SharedRows<Row> {
  readonly #folder: LmdbFolder
  readonly #kept: Database<Row, string>
  readonly #rows: Map<string, Row>
  readonly #listeners = new Set<() => void>()
  #version = 0

  /** `name`: of the table in the environment. */
  constructor(folder: LmdbFolder, name: string) {
    this.#folder = folder
    this.#kept = folder.root.openDB({ name })
    this.#rows = new Map([...this.#kept.getRange()].map(({ key, value }) => [key, value]))
  }

  async read(version: string | undefined) {
    if (version === String(this.#version)) return undefined
    return { version: String(this.#version), rows: new Map(this.#rows) }
  }

  /** It holds from this very turn on, and resolves when it is committed. */
  async write({ put = [], remove = [] }: RowChange<Row>, version: string): Promise<boolean> {
    if (version !== String(this.#version)) return false
    this.#version += 1
    for (const key of remove) this.#rows.delete(key)
    for (const [key, row] of put) this.#rows.set(key, row)
    const committed = this.#folder.write(() => [
      ...remove.map((key) => this.#kept.remove(key)),
      ...put.map(([key, row]) => this.#kept.put(key, row)),
    ])
    for (const listener of this.#listeners) listener()
    await committed
    return true
  }

  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange)
    return () => void this.#listeners.delete(onChange)
  }
}
