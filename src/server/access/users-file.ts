import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWholeFile } from '../../host/whole-file.js'
import { roleSchema } from '../../shared/access/identity.js'
import { messageOf, systemCode } from '../../shared/errors.js'
import type { StoredUser, Users } from './ports.js'

const usersSchema = z.array(z.object({ username: z.string(), role: roleSchema, password_hash: z.string() }))

/** The accounts of a data folder: `users.json`, mode 0600, hashes only. */
export class UsersFile implements Users {
  readonly #file: string
  /** What was read last, and of which state of the file. */
  #read: { state: string; users: Map<string, StoredUser> } | undefined

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'users.json')
  }

  /** By the file as it is now, so that an account added meanwhile counts without a restart. */
  async find(username: string): Promise<StoredUser | undefined> {
    return this.#byName().get(username)
  }

  async findAll(usernames: string[]): Promise<Map<string, StoredUser>> {
    const users = this.#byName()
    return new Map(usernames.flatMap((name) => users.get(name) ?? []).map((user) => [user.username, user]))
  }

  all(): StoredUser[] {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if (systemCode(error) === 'ENOENT') return []
      throw error
    }
    try {
      return usersSchema.parse(JSON.parse(text))
    } catch (cause) {
      throw new Error(`${this.#file} is not a list of users: ${messageOf(cause)}`)
    }
  }

  /** Adds an account, or replaces the one of that name. */
  put(user: StoredUser): void {
    const others = this.all().filter(({ username }) => username !== user.username)
    this.#write([...others, user])
  }

  /** Adds an account; false where there is one of that name. */
  add(user: StoredUser): boolean {
    if (this.all().some(({ username }) => username === user.username)) return false
    this.put(user)
    return true
  }

  remove(username: string): boolean {
    const all = this.all()
    const others = all.filter((user) => user.username !== username)
    if (others.length < all.length) this.#write(others)
    return others.length < all.length
  }

  /** A file is replaced, never changed: its inode and times tell one state from another. */
  #byName(): Map<string, StoredUser> {
    const stat = statSync(this.#file, { bigint: true, throwIfNoEntry: false })
    const state = stat ? `${stat.ino} ${stat.mtimeNs} ${stat.ctimeNs} ${stat.size}` : 'none'
    if (this.#read?.state === state) return this.#read.users
    const users = new Map(this.all().map((user) => [user.username, user]))
    this.#read = { state, users }
    return users
  }

  #write(users: StoredUser[]): void {
    writeWholeFile(this.#file, `${JSON.stringify(users, null, 2)}\n`)
  }
}
