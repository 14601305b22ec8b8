import { hashPassword } from './adapters/passwords.js'
import { UsersFile } from './adapters/users.js'
import type { Account } from './compose.js'
import { ensureDataDir } from './secrets.js'

/** Accounts of a data folder, for those who keep them from the command line. */

/** Adds the account, or gives the one of that name this password and role. */
export async function keepAccount(dataDir: string, { username, password, role }: Account): Promise<void> {
  ensureDataDir(dataDir)
  new UsersFile(dataDir).put({ username, role, password_hash: await hashPassword(password) })
}

/** False when there was none of that name. */
export function removeAccount(dataDir: string, username: string): boolean {
  return new UsersFile(dataDir).remove(username)
}

export function listAccounts(dataDir: string): { username: string; role: Account['role'] }[] {
  return new UsersFile(dataDir).all().map(({ username, role }) => ({ username, role }))
}
