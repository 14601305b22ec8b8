import type { OgentClient } from '../../client/client.js'
import type { User } from '../../shared/access/users.js'
import { UsageError } from '../errors/report.js'
import { printable, withoutPasswords, write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { connect } from '../session/connect.js'
import { currentPassword, givenPassword, newPassword } from '../session/new-password.js'
import { placeOf } from '../session/place.js'
import type { UsersCall, UsersFlags } from '../session/users-call.js'

/** The accounts of a running controller, in the name of who is logged in there. */
export async function remoteUsers(call: UsersCall): Promise<number> {
  const { action, username, words, flags } = call
  const at = withoutPasswords(placeOf(flags).url)
  const ogent = await connect(flags)
  try {
    switch (action) {
      case 'list':
        return await list(ogent, flags)
      case 'add':
        return await add(ogent, username, flags, at)
      case 'roles':
        return await show(await ogent.users.update(username, { roles: rolesOf(words) }), flags, at)
      case 'lock':
        return await show(await ogent.users.update(username, { disabled: true }), flags, at)
      case 'unlock':
        return await show(await ogent.users.update(username, { disabled: false }), flags, at)
      case 'password':
        return await setPassword(ogent, username, flags, at)
      case 'remove':
        await ogent.users.remove(username)
        if (flags.json) await writeJson({ username, removed: true })
        else process.stdout.write(`${printable(username)} has no account at ${at} any more.\n`)
        return 0
      case 'sessions':
        return await sessions(ogent, username, flags)
    }
  } finally {
    await ogent.close()
  }
}

async function list(ogent: OgentClient, { json }: UsersFlags): Promise<number> {
  const users: User[] = []
  let cursor: string | undefined
  do {
    const page = await ogent.users.list(cursor === undefined ? {} : { cursor })
    users.push(...page.users)
    cursor = page.next_cursor ?? undefined
  } while (cursor !== undefined)
  if (json) {
    for (const user of users) await writeJson(user)
    return 0
  }
  const rows = users.map(({ username, roles, kind, disabled_at, last_login_at }) => [
    username,
    roles.join(', '),
    kind,
    disabled_at === null ? '' : 'locked',
    timeOf(last_login_at),
  ])
  await write(process.stdout, table([['USER', 'ROLES', 'KIND', '', 'LAST LOGIN'], ...rows]))
  return 0
}

async function add(ogent: OgentClient, username: string, flags: UsersFlags, at: string): Promise<number> {
  const { role: words = ['viewer'], service, json } = flags
  const roles = rolesOf(words)
  if (service) return show(await ogent.users.create({ username, roles, kind: 'service' }), flags, at)
  const { password, madeUp } = givenPassword()
  const user = await ogent.users.create({ username, roles, password })
  if (json) {
    await writeJson({ ...user, ...(madeUp ? { password } : {}) })
    return 0
  }
  await show(user, flags, at)
  if (madeUp) process.stdout.write(`Password of ${printable(username)}, told only this once: ${password}\n`)
  return 0
}

async function setPassword(
  ogent: OgentClient,
  username: string,
  { json }: UsersFlags,
  at: string,
): Promise<number> {
  const own = (await ogent.me()).username === username
  const current = own ? { current_password: await currentPassword(username) } : {}
  const { password, madeUp } = await newPassword(username)
  await ogent.users.setPassword(username, { password, ...current })
  if (json) await writeJson({ username, ...(madeUp ? { password } : {}) })
  else {
    process.stdout.write(`${printable(username)} has another password at ${at}: its logins have ended.\n`)
    if (madeUp) process.stdout.write(`Password of ${printable(username)}, told only this once: ${password}\n`)
  }
  return 0
}

async function sessions(ogent: OgentClient, username: string, { end, json }: UsersFlags): Promise<number> {
  if (end !== undefined) {
    if (end === '') throw new UsageError('--end takes the id of a login, or all')
    if (end === 'all') await ogent.users.sessions.endAll(username)
    else await ogent.users.sessions.end(username, end)
    if (json) await writeJson({ username, ended: end })
    else
      process.stdout.write(
        `${end === 'all' ? 'All logins' : 'That login'} of ${printable(username)} ended.\n`,
      )
    return 0
  }
  const { sessions: found } = await ogent.users.sessions.list(username)
  if (json) {
    for (const session of found) await writeJson(session)
    return 0
  }
  const rows = found.map(({ session_id, created_at, last_seen_at, address, current }) => [
    session_id,
    timeOf(created_at),
    timeOf(last_seen_at),
    address,
    current ? 'this one' : '',
  ])
  await write(process.stdout, table([['SESSION', 'SINCE', 'LAST SEEN', 'FROM', ''], ...rows]))
  return 0
}

async function show(user: User, { json }: UsersFlags, at: string): Promise<number> {
  const { username, roles, kind, disabled_at } = user
  if (json) await writeJson(user)
  else {
    const rights =
      roles.length === 0 ? 'no role' : `the role${roles.length > 1 ? 's' : ''} ${roles.join(', ')}`
    const state = disabled_at === null ? `has ${rights}` : 'is locked'
    const who = kind === 'service' ? `The service account ${printable(username)}` : printable(username)
    process.stdout.write(`${who} ${state}, at ${at}.\n`)
  }
  return 0
}

function timeOf(time: string | null): string {
  return time === null ? '' : shownTime(time.replace(/\.\d+Z$/, 'Z'))
}

/** `none` is the word for no role, as for accounts that have only what a policy gives them. */
function rolesOf(words: string[]): string[] {
  return words.filter((word) => word !== 'none')
}
