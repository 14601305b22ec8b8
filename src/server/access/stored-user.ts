import { createHash } from 'node:crypto'
import { z } from 'zod'
import { type Role, roleSchema } from '../../shared/access/identity.js'
import { newId } from '../../shared/id.js'
import type { RowChange, StoredUser } from './ports.js'

/** How an account is kept: as JSON that a controller of before, which knows one role and no lock, understands as well. */

/** Before the hash of an account that a controller of before must not admit: no password fits it. */
const SHUT = 'shut:'

const rowSchema = z.object({
  username: z.string(),
  role: roleSchema.optional(),
  password_hash: z.string(),
  user_id: z.string().optional(),
  kind: z.enum(['user', 'service']).default('user'),
  roles: z.array(z.string()).optional(),
  disabled_at: z.string().nullable().default(null),
  generation: z.number().int().default(0),
  created_at: z.string().nullable().default(null),
})

/** Throws for what is no account. Of a row of before, `user_id` is empty. */
export function parseUser(row: unknown): StoredUser {
  const { role, password_hash, user_id = '', roles, ...rest } = rowSchema.parse(row)
  const hash = password_hash.startsWith(SHUT) ? password_hash.slice(SHUT.length) : password_hash
  return {
    ...rest,
    user_id,
    roles: roles ?? (role === undefined ? [] : [role]),
    password_hash: hash === '' ? null : hash,
  }
}

export function formatUser(user: StoredUser): Record<string, unknown> {
  const { temporary: _temporary, password_hash, ...rest } = user
  const role = highestRole(user.roles)
  const isShut = role === undefined || user.disabled_at !== null
  return {
    ...rest,
    role: role ?? roleSchema.enum.viewer,
    password_hash: `${isShut ? SHUT : ''}${password_hash ?? ''}`,
  }
}

/** An account that there was not. Its generation is not that of rows of before, whose tokens have none. */
export function newStoredUser(
  account: Pick<StoredUser, 'username' | 'roles' | 'password_hash'> & { kind?: StoredUser['kind'] },
): StoredUser {
  return {
    kind: 'user',
    ...account,
    user_id: newId(),
    disabled_at: null,
    generation: 1,
    created_at: new Date().toISOString(),
  }
}

/** Gives ids to accounts that have none yet; undefined where all have one. */
export function withIds(users: ReadonlyMap<string, StoredUser>): RowChange<StoredUser> | undefined {
  const without = [...users].filter(([, { user_id }]) => user_id === '')
  if (without.length === 0) return undefined
  return { put: without.map(([name, user]) => [name, { ...user, user_id: newId() }]) }
}

/** The id of an account that is not stored, the same at every start. */
export function temporaryId(username: string): string {
  return `temporary-${createHash('sha256').update(username).digest('base64url').slice(0, 22)}`
}

/** Tells a password from another without saying anything of either; for controllers of before, and their tokens. */
export function stampOf({ password_hash, temporary }: StoredUser): string | undefined {
  // Hashed anew at each start, with another salt, at each controller.
  if (temporary || password_hash === null) return undefined
  return createHash('sha256').update(password_hash).digest('base64url').slice(0, 16)
}

export function highestRole(roles: readonly string[]): Role | undefined {
  return builtIn.find((each) => roles.includes(each))
}

const builtIn: readonly Role[] = ['admin', 'operator', 'viewer', 'agent']
