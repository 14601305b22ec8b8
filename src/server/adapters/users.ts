import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { writeWholeFile } from '../../host/whole-file.js'
import { messageOf, systemCode } from '../../shared/errors.js'
import { roleSchema } from '../../shared/identity.js'
import type { StoredUser, Users } from '../core/ports.js'

const usersSchema = z.array(z.object({ username: z.string(), role: roleSchema, password_hash: z.string() }))

/** The accounts of a data folder: `users.json`, mode 0600, hashes only. */
export class UsersFile implements Users {
  readonly #file: string

  constructor(dataDir: string) {
    this.#file = join(dataDir, 'users.json')
  }

  /** Read at each login, so that an account added meanwhile counts without a restart. */
  async find(username: string): Promise<StoredUser | undefined> {
    return this.all().find((user) => user.username === username)
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

  #write(users: StoredUser[]): void {
    writeWholeFile(this.#file, `${JSON.stringify(users, null, 2)}\n`)
  }
}
