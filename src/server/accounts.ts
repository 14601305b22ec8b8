import { takeFolder } from '../host/private-folder.js'
import { givenSetting } from '../shared/settings.js'
import { hashPassword } from './adapters/passwords.js'
import type { RedisUsers } from './adapters/redis-users.js'
import { UsersFile } from './adapters/users.js'
import type { Account } from './compose.js'

/** Accounts where a controller with this environment has them, for those who keep them from the command line. */

type Environment = Record<string, string | undefined>

/** Adds the account, or gives the one of that name this password and role. */
export async function keepAccount(env: Environment, { username, password, role }: Account): Promise<void> {
  const password_hash = await hashPassword(password)
  await withUsers(env, (users) => users.put({ username, role, password_hash }))
}

/** False when there was none of that name. */
export function removeAccount(env: Environment, username: string): Promise<boolean> {
  return withUsers(env, (users) => users.remove(username))
}

export function listAccounts(env: Environment): Promise<{ username: string; role: Account['role'] }[]> {
  return withUsers(env, async (users) =>
    (await users.all()).map(({ username, role }) => ({ username, role })),
  )
}

/** As people know the place. */
export function accountsPlace(env: Environment): string {
  return givenSetting(env, 'REDIS_URL') === undefined ? dataDirOf(env) : 'Redis'
}

async function withUsers<T>(
  env: Environment,
  act: (users: UsersFile | RedisUsers) => T | Promise<T>,
): Promise<T> {
  const redis = givenSetting(env, 'REDIS_URL')
  if (redis !== undefined) {
    const { withRedisUsers } = await import('./redis-storage.js')
    return withRedisUsers(redis, async (users) => act(users))
  }
  const dataDir = dataDirOf(env)
  takeFolder(dataDir, 'DATA_DIR', (sentence) => process.stderr.write(`ogent: ${sentence}\n`))
  return act(new UsersFile(dataDir))
}

function dataDirOf(env: Environment): string {
  return givenSetting(env, 'DATA_DIR') ?? '.ogent'
}
