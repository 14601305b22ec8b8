import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { dataFolder } from '../host/data-folder.js'
import { takeFolder } from '../host/private-folder.js'
import { givenSetting } from '../host/settings.js'
import { roleSchema, usernameSchema } from '../shared/access/identity.js'
import { hashPassword } from './access/passwords.js'
import type { Account } from './access/ports.js'
import type { RedisUsers } from './access/users.redis.js'
import { UsersFile } from './access/users-file.js'
import { passwordFault } from './config.js'

/** Accounts where a controller with this environment has them, for those who keep them from the command line. */

type Environment = Record<string, string | undefined>

/** Why this account is not to be kept, as one sentence; undefined where nothing speaks against it. */
export function accountFault(env: Environment, { username, password, role }: Account): string | undefined {
  const name = usernameSchema.safeParse(username)
  if (!name.success) return `A username ${name.error.issues[0]?.message}.`
  const fault = passwordFault(password, { person: role !== roleSchema.enum.agent })
  if (env.NODE_ENV !== 'production' || fault === undefined) return undefined
  return `This password is not for production: it ${fault}.`
}

/** Whether ADMIN_PASSWORD decides about this account, regardless of what is kept of it. */
export function isSetBySettings(env: Environment, username: string): boolean {
  return givenSetting(env, 'ADMIN_PASSWORD') !== undefined && username === adminName(env)
}

/** Whether a controller that has ADMIN_PASSWORD in settings of its own would pass over this account. */
export function isAdminName(env: Environment, username: string): boolean {
  return username === adminName(env)
}

function adminName(env: Environment): string {
  return givenSetting(env, 'ADMIN_USERNAME') ?? 'admin'
}

/** Adds the account, or gives the one of that name this password and role. */
export async function keepAccount(env: Environment, { username, password, role }: Account): Promise<void> {
  const password_hash = await hashPassword(password)
  await withUsers(env, (users) => users.put({ username, role, password_hash }))
}

/** False when there was none of that name. */
export function removeAccount(env: Environment, username: string): Promise<boolean> {
  return withUsers(env, (users) => users.remove(username), false)
}

export function listAccounts(env: Environment): Promise<{ username: string; role: Account['role'] }[]> {
  const all = async (users: UsersFile | RedisUsers) =>
    (await users.all()).map(({ username, role }) => ({ username, role }))
  return withUsers(env, all, [])
}

/** The place as people know it, and whether a controller ever ran on it, as far as can be seen from here. */
export function accountsPlace(env: Environment): { name: string; used: boolean } {
  if (givenSetting(env, 'REDIS_URL') !== undefined) return { name: 'the Redis of REDIS_URL', used: true }
  const dataDir = resolve(dataDirOf(env))
  return { name: dataDir, used: existsSync(`${dataDir}/journal`) }
}

/** `without`: what it gives where there is no folder, which is then not made. */
async function withUsers<T>(
  env: Environment,
  act: (users: UsersFile | RedisUsers) => T | Promise<T>,
  without?: T,
): Promise<T> {
  const redis = givenSetting(env, 'REDIS_URL')
  if (redis !== undefined) {
    const { withRedisUsers } = await import('./open-redis-storage.js')
    return withRedisUsers(redis, async (users) => act(users))
  }
  const dataDir = dataDirOf(env)
  if (without !== undefined && !existsSync(dataDir)) return without
  takeFolder(dataDir, 'DATA_DIR', (sentence) => process.stderr.write(`ogent: ${sentence}\n`))
  return act(new UsersFile(dataDir))
}

function dataDirOf(env: Environment): string {
  return dataFolder(givenSetting(env, 'DATA_DIR'))
}
