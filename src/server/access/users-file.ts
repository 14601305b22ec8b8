import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWholeFile } from '../../host/whole-file.js'
import { sleep } from '../../shared/async/sleep.js'
import { messageOf, OgentError, systemCode } from '../../shared/errors.js'
import type { RowChange, SharedRows, StoredUser } from './ports.js'
import { formatUser, parseUser } from './stored-user.js'

/** How often the file is looked at for a change by another process, in ms. */
const LOOK_MS = 500
/** A change takes milliseconds: a lock that is older, in ms, was left by a process that was killed. */
const STALE_MS = 5000
const LOCK_WAIT_MS = 10_000
const LOCK_LOOK_MS = 20

/** The accounts of a data folder by their names: `users.json`, mode 0600, hashes only. */
export class UsersFile implements SharedRows<StoredUser> {
  readonly #file: string
  readonly #listeners = new Set<() => void>()

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'users.json')
  }

  /** By the file as it is now. Throws for one that is no list of users. */
  async read(version: string | undefined) {
    const state = this.#state()
    if (state === version) return undefined
    return { version: state, rows: this.#rows() }
  }

  async write({ put = [], remove = [] }: RowChange<StoredUser>, version: string): Promise<boolean> {
    const unlock = await this.#lock()
    try {
      if (this.#state() !== version) return false
      const users = new Map(this.#rows())
      for (const name of remove) users.delete(name)
      for (const [name, user] of put) users.set(name, user)
      writeWholeFile(this.#file, `${JSON.stringify([...users.values()].map(formatUser), null, 2)}\n`)
    } finally {
      unlock()
    }
    for (const listener of this.#listeners) listener()
    return true
  }

  listen(onChange: () => void): () => void {
    this.#listeners.add(onChange)
    // Different from any: what was changed before this is found by the first look.
    let seen = ''
    const timer = setInterval(() => {
      const now = this.#state()
      if (now !== seen) onChange()
      seen = now
    }, LOOK_MS)
    timer.unref()
    return () => {
      clearInterval(timer)
      this.#listeners.delete(onChange)
    }
  }

  /** A file is replaced, never changed: its inode and times tell one state from another. */
  #state(): string {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false })
    return stat ? `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.size}` : 'none'
  }

  #rows(): ReadonlyMap<string, StoredUser> {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return new Map()
      throw error
    }
    try {
      const rows: unknown = JSON.parse(text)
      if (!Array.isArray(rows)) throw new Error('it is no array')
      return new Map(rows.map(parseUser).map((user) => [user.username, user]))
    } catch (cause) {
      throw new Error(`${this.#file} is not a list of users: ${messageOf(cause)}`)
    }
  }

  /** Among processes: a controller and `ogent users` on its folder. What it gives ends it. */
  async #lock(): Promise<() => void> {
    const file = `${this.#file}.lock`
    const deadline = performance.now() + LOCK_WAIT_MS
    while (performance.now() < deadline) {
      try {
        writeFileSync(file, `${process.pid}\n`, { mode: 0o600, flag: 'wx' })
        return () => rmSync(file, { force: true })
      } catch (error) {
        if (systemCode(error) !== 'EEXIST') throw error
      }
      const made = statSync(file, { throwIfNoEntry: false })?.mtimeMs
      if (made !== undefined && Date.now() - made > STALE_MS) rmSync(file, { force: true })
      else await sleep(LOCK_LOOK_MS)
    }
    throw new OgentError('UNAVAILABLE', `${file} is held by another process: try again.`)
  }
}
