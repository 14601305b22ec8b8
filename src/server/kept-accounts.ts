import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { dataFolder } from '../host/data-folder.js'
import { takeFolder } from '../host/private-folder.js'
import { givenSetting } from '../host/settings.js'
import { roleSchema, usernameSchema } from '../shared/access/identity.js'
import { Mirror } from './access/mirror.js'
import { hashPassword } from './access/passwords.js'
import type { Account, SharedRows, StoredUser } from './access/ports.js'
import { newStoredUser, withIds } from './access/stored-user.js'
import { UsersFile } from './access/users-file.js'
import { passwordFault } from './config.js'
import type { Log } from './telemetry/ports.js'

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

/** Adds the account, or gives the one of that name this password and role, which ends its logins. A lock stays. */
export async function keepAccount(env: Environment, { username, password, role }: Account): Promise<void> {
  const password_hash = await hashPassword(password)
  const account = { username, roles: [role], password_hash, kind: 'user' as const }
  await withUsers(env, (users) =>
    users.change((rows) => {
      const before = rows.get(username)
      const after = before
        ? { ...before, ...account, generation: before.generation + 1 }
        : newStoredUser(account)
      return { change: { put: [[username, after]] }, result: undefined }
    }),
  )
}

/** An account as it is kept, for those who list them. */
export type KeptAccount = Pick<StoredUser, 'username' | 'user_id' | 'kind' | 'roles' | 'disabled_at'>

/** False when there was none of that name. */
export function removeAccount(env: Environment, username: string): Promise<boolean> {
  return withUsers(
    env,
    (users) => users.change((rows) => ({ change: { remove: [username] }, result: rows.has(username) })),
    false,
  )
}

/** Gives it other roles, locks it or unlocks it, which ends its logins; undefined when there is none of that name. */
export function changeAccount(
  env: Environment,
  username: string,
  { roles, disabled }: { roles?: readonly string[]; disabled?: boolean },
): Promise<KeptAccount | undefined> {
  return withUsers<KeptAccount | undefined>(env, (users) =>
    users.change((rows) => {
      const before = rows.get(username)
      if (!before) return { change: {}, result: undefined }
      const disabled_at = disabled ? (before.disabled_at ?? new Date().toISOString()) : null
      const after = {
        ...before,
        ...(roles ? { roles } : {}),
        ...(disabled === undefined ? {} : { disabled_at }),
        generation: before.generation + 1,
      }
      return { change: { put: [[username, after]] }, result: after }
    }),
  )
}

/** Gives it another password, which ends its logins; false when there is none of that name. */
export async function changePassword(env: Environment, username: string, password: string): Promise<boolean> {
  const password_hash = await hashPassword(password)
  return withUsers(env, (users) =>
    users.change((rows) => {
      const before = rows.get(username)
      if (!before) return { change: {}, result: false }
      const after = { ...before, password_hash, generation: before.generation + 1 }
      return { change: { put: [[username, after]] }, result: true }
    }),
  )
}

export function listAccounts(env: Environment): Promise<KeptAccount[]> {
  const all = async (users: Mirror<StoredUser>) =>
    [...users.rows.values()].sort((a, b) => (a.username < b.username ? -1 : 1))
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
  act: (users: Mirror<StoredUser>) => Promise<T>,
  without?: T,
): Promise<T> {
  const redis = givenSetting(env, 'REDIS_URL')
  if (redis !== undefined) {
    const { withRedisUsers } = await import('./open-redis-storage.js')
    return withRedisUsers(redis, (users) => withMirror(users, act))
  }
  const dataDir = dataDirOf(env)
  if (without !== undefined && !existsSync(dataDir)) return without
  takeFolder(dataDir, 'DATA_DIR', (sentence) => process.stderr.write(`ogent: ${sentence}\n`))
  return withMirror(new UsersFile(dataDir), act)
}

async function withMirror<T>(
  rows: SharedRows<StoredUser>,
  act: (users: Mirror<StoredUser>) => Promise<T>,
): Promise<T> {
  const users = await Mirror.open({ rows, what: 'accounts', log: quiet, mend: withIds })
  try {
    return await act(users)
  } finally {
    users.close()
  }
}

/** What goes wrong is thrown. */
const quiet: Log = { debug() {}, info() {}, warn() {}, error() {} }

function dataDirOf(env: Environment): string {
  return dataFolder(givenSetting(env, 'DATA_DIR'))
}
