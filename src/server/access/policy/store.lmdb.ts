import type { Database } from 'lmdb'
import type { LmdbFolder } from '../../storage/folder.lmdb.js'
import { type PolicyStore, parseStored, type StoredPolicy } from './store.js'

const KEY = 'policy'

/** The policy of one controller, in the same environment as the journal. */
export class LmdbPolicies implements PolicyStore {
  readonly #folder: LmdbFolder
  readonly #rows: Database<unknown, string>
  /** What was saved last, though it may not be committed yet: the next save is compared with it. */
  #last: StoredPolicy | undefined

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#rows = folder.root.openDB({ name: 'policy' })
    const row = this.#rows.get(KEY)
    this.#last = row === undefined ? undefined : parseStored(row)
  }

  async read(): Promise<StoredPolicy | undefined> {
    return this.#last
  }

  async replace(before: string | undefined, stored: StoredPolicy): Promise<boolean> {
    if (this.#last?.etag !== before) return false
    // Nothing may be promised while the disk is full.
    await this.#folder.check()
    if (this.#last?.etag !== before) return false
    this.#last = stored
    await this.#folder.write(() => [this.#rows.put(KEY, stored)])
    return true
  }

  onChange(): () => void {
    return () => {}
  }
}
