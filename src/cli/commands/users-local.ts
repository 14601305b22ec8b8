import {
  accountFault,
  accountsPlace,
  changeAccount,
  changePassword,
  isAdminName,
  isSetBySettings,
  keepAccount,
  listAccounts,
  removeAccount,
} from '../../server/main.js'
import { type Role, roleSchema } from '../../shared/access/identity.js'
import { LocalError } from '../errors/next-step.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { givenPassword, newPassword } from '../session/new-password.js'
import type { UsersCall, UsersFlags } from '../session/users-call.js'

type Env = NodeJS.ProcessEnv

/** The accounts of the controller's data folder, or of REDIS_URL. A running controller sees changes at once. */
export async function localUsers(env: Env, { action, username, words, flags }: UsersCall): Promise<number> {
  const { name: place, used } = accountsPlace(env)
  if (!used) {
    process.stderr.write(
      `ogent: warning: no controller has used ${place} yet: run this as the user of the controller, or set DATA_DIR to its folder\n`,
    )
  }
  if (action === 'list') return list(env, flags)
  if (action === 'sessions' || flags.service)
    throw new UsageError(
      'logins and service accounts are kept by a running controller: log in first (ogent login), without --local',
    )
  if (isSetBySettings(env, username)) throw setBySettings(username, action)
  switch (action) {
    case 'add':
      return add(env, username, flags)
    case 'roles':
      return change(env, username, { roles: words.map(roleOf) }, flags)
    case 'lock':
      return change(env, username, { disabled: true }, flags)
    case 'unlock':
      return change(env, username, { disabled: false }, flags)
    case 'password':
      return setPassword(env, username, flags)
    case 'remove':
      if (!(await removeAccount(env, username))) throw noAccount(env, username)
      if (flags.json) await writeJson({ username, removed: true })
      else process.stdout.write(`${printable(username)} has no account in ${place} any more.\n`)
      return 0
  }
}

async function list(env: Env, { json }: UsersFlags): Promise<number> {
  const accounts = await listAccounts(env)
  if (json) {
    for (const { username, user_id, kind, roles, disabled_at } of accounts)
      await writeJson({ username, role: roles[0] ?? null, user_id, kind, roles, disabled_at })
    return 0
  }
  const rows = accounts.map(({ username, roles, disabled_at }) => [
    username,
    roles.join(', '),
    disabled_at === null ? '' : 'locked',
  ])
  await write(process.stdout, table([['USER', 'ROLES', ''], ...rows]))
  return 0
}

const OVERRULED =
  'ogent: a controller that has ADMIN_PASSWORD in its settings takes that one for this name, and not what is kept here\n'

/** The password comes from OGENT_NEW_PASSWORD; without it one is made up and told once. */
async function add(env: Env, username: string, { role = ['viewer'], json }: UsersFlags): Promise<number> {
  const [first, ...more] = role.map(roleOf)
  if (first === undefined || more.length > 0)
    throw new UsageError('here an account is added with one --role: see ogent users roles for more')
  const { password, madeUp } = givenPassword()
  const account = { username, password, role: first }
  const fault = accountFault(env, account)
  if (fault !== undefined) throw new UsageError(fault)
  await keepAccount(env, account)
  if (isAdminName(env, username)) process.stderr.write(OVERRULED)
  if (json) await writeJson({ username, role: first, ...(madeUp ? { password } : {}) })
  else {
    process.stdout.write(`${username} has the role ${first}, in ${accountsPlace(env).name}.\n`)
    if (madeUp) process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
  }
  return 0
}

async function change(
  env: Env,
  username: string,
  what: { roles?: Role[]; disabled?: boolean },
  { json }: UsersFlags,
): Promise<number> {
  const changed = await changeAccount(env, username, what)
  if (!changed) throw noAccount(env, username)
  const { roles, disabled_at } = changed
  if (json) await writeJson({ username, roles, disabled_at })
  else {
    const state = disabled_at === null ? `has the roles ${roles.join(', ')}` : 'is locked'
    process.stdout.write(`${printable(username)} ${state}, in ${accountsPlace(env).name}.\n`)
  }
  return 0
}

async function setPassword(env: Env, username: string, { json }: UsersFlags): Promise<number> {
  const known = (await listAccounts(env)).find((each) => each.username === username)
  if (!known) throw noAccount(env, username)
  const { password, madeUp } = await newPassword(username)
  const isAgent = known.roles.length === 1 && known.roles[0] === roleSchema.enum.agent
  const role = isAgent ? roleSchema.enum.agent : roleSchema.enum.viewer
  const fault = accountFault(env, { username, password, role })
  if (fault !== undefined) throw new UsageError(fault)
  if (!(await changePassword(env, username, password))) throw noAccount(env, username)
  if (json) await writeJson({ username, ...(madeUp ? { password } : {}) })
  else {
    process.stdout.write(`${printable(username)} has another password, in ${accountsPlace(env).name}.\n`)
    if (madeUp) process.stdout.write(`Password of ${username}, told only this once: ${password}\n`)
  }
  return 0
}

function roleOf(text: string): Role {
  const known = roleSchema.safeParse(text)
  if (known.success) return known.data
  throw new UsageError('--role takes admin, operator, viewer or agent')
}

function noAccount(env: Env, username: string): LocalError {
  return new LocalError(
    `There is no account ${username} in ${accountsPlace(env).name}.`,
    'See who has one: ogent users list. Where the controller has another data folder, set DATA_DIR to it.',
  )
}

/** What is kept of that account is never asked: a change would look done, and the old password would open as before. */
function setBySettings(username: string, action: string): LocalError {
  return new LocalError(
    `The account ${username} is set by ADMIN_PASSWORD: to ${action} it here would change nothing.`,
    'Change ADMIN_PASSWORD in the settings of the controller, or take it out there and here, and restart the controller.',
  )
}
