import { describe, expect, test } from 'vitest'
import { Accounts, principalOf } from '../../../src/server/access/accounts.js'
import { LmdbRows } from '../../../src/server/access/rows.lmdb.js'
import { Sessions } from '../../../src/server/access/sessions.js'
import { LmdbSessions } from '../../../src/server/access/sessions.lmdb.js'
import { newStoredUser } from '../../../src/server/access/stored-user.js'
import { UserSessionService } from '../../../src/server/access/user-sessions.js'
import { UserService } from '../../../src/server/access/users.js'
import { UsersFile } from '../../../src/server/access/users-file.js'
import type { AuditFact } from '../../../src/server/events.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { Actor } from '../../../src/server/transport/caller.js'
import type { Policy } from '../../../src/server/transport/policy.js'
import { OgentError } from '../../../src/shared/errors.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { rolePolicy } from '../../support/role-policy.js'
import { silent } from '../../support/system.js'

/** A clerk may keep accounts, and give no role but viewer and clerk. */
const policy: Policy = {
  ...rolePolicy,
  authorize(actor, action) {
    if (action === 'users.manage' && actor.roles.includes('clerk')) return
    rolePolicy.authorize(actor, action)
  },
  authorizeRoles(actor, roles) {
    const beyond = roles.filter((role) => role !== 'viewer' && role !== 'clerk')
    if (beyond.length === 0 || actor.roles.includes('admin')) return
    throw new OgentError('FORBIDDEN', `${actor.name} has not what ${beyond.join(', ')} may do.`)
  },
}

/** The services on the embedded store, with an admin, a clerk and a viewer. */
async function site() {
  const folder = temporaryFolder()
  const lmdb = new LmdbFolder(folder.path, silent)
  const accounts = await Accounts.open({
    users: new UsersFile(folder.path),
    ended: new LmdbRows(lmdb, 'ended-sessions'),
    temporary: [],
    log: silent,
  })
  const sessions = new Sessions(new LmdbSessions(lmdb), silent)
  const events = strictEvents()
  const facts: AuditFact[] = []
  events.on('audited', (fact) => facts.push(fact))
  const users = new UserService({
    accounts,
    sessions,
    policy,
    events,
    login: { proveAgain: async () => {} },
    hash: async (password) => `hash of ${password.length}`,
    passwordRule: () => undefined,
    isManager: ({ roles }) => roles.includes('admin') || roles.includes('clerk'),
    forgetOwner: async () => {},
  })
  const actors: Record<string, Actor> = {}
  for (const role of ['admin', 'clerk', 'viewer']) {
    const user = newStoredUser({ username: role, roles: [role], password_hash: 'hash' })
    await accounts.change(() => ({ change: { put: [[role, user]] }, result: undefined }))
    actors[role] = { ...principalOf(user), via: 'password', session_id: `of ${role}`, address: '192.0.2.7' }
  }
  const of = (role: string) => actors[role] as Actor
  return {
    users,
    accounts,
    facts,
    of,
    sessions: new UserSessionService({ accounts, sessions, policy, events }),
    async [Symbol.asyncDispose]() {
      accounts.close()
      await lmdb.close()
      folder[Symbol.dispose]()
    },
  }
}

const forbidden = { code: 'FORBIDDEN' }

describe('who may keep accounts and less than an admin', () => {
  test('gives no role beyond its own, to a new account or another one', async () => {
    await using parts = await site()
    const { users } = parts
    const clerk = parts.of('clerk')
    const account = { username: 'new', password: 'p', kind: 'user' as const }
    await expect(users.create(clerk, { ...account, roles: ['admin'] })).rejects.toMatchObject(forbidden)
    await expect(users.update(clerk, { username: 'clerk', roles: ['clerk', 'admin'] })).rejects.toMatchObject(
      forbidden,
    )
    expect(await users.create(clerk, { ...account, roles: ['viewer'] })).toMatchObject({ roles: ['viewer'] })
  })

  test('neither locks, nor demotes, nor removes, nor enters an account that may do more', async () => {
    await using parts = await site()
    const { users, sessions, accounts } = parts
    const clerk = parts.of('clerk')
    const before = accounts.find('admin')
    for (const call of [
      () => users.update(clerk, { username: 'admin', disabled: true }),
      () => users.update(clerk, { username: 'admin', roles: ['viewer'] }),
      () => users.remove(clerk, 'admin'),
      () => users.setPassword(clerk, { username: 'admin', password: 'mine' }, '192.0.2.7'),
      () => sessions.endAll(clerk, 'admin'),
      () => sessions.end({ ...clerk, expires_at: 0 }, 'admin', 'of admin'),
    ])
      await expect(call()).rejects.toMatchObject(forbidden)
    expect(accounts.find('admin')).toEqual(before)
    expect(parts.facts).toEqual([])
    await users.update(clerk, { username: 'viewer', disabled: true })
    expect(accounts.find('viewer')?.disabled_at).not.toBeNull()
  })
})

test('the last account that may keep accounts is not locked, demoted or removed', async () => {
  await using parts = await site()
  const { users, accounts } = parts
  const admin = parts.of('admin')
  await users.remove(admin, 'clerk')
  const last = {
    code: 'VALIDATION_FAILED',
    message: 'username: admin is the last account that may keep accounts: it stays one',
  }
  await expect(users.remove(admin, 'admin')).rejects.toMatchObject(last)
  await expect(users.update(admin, { username: 'admin', disabled: true })).rejects.toMatchObject(last)
  await expect(users.update(admin, { username: 'admin', roles: ['viewer'] })).rejects.toMatchObject(last)
  expect(accounts.find('admin')).toMatchObject({ roles: ['admin'], disabled_at: null })
  // Two at once: one of both stays.
  await users.create(admin, { username: 'second', password: 'p', roles: ['admin'], kind: 'user' })
  const both = await Promise.allSettled([users.remove(admin, 'admin'), users.remove(admin, 'second')])
  expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
  // A service account cannot log in, and so keeps nothing.
  const [left] = accounts.all.filter(({ roles }) => roles.includes('admin'))
  await users.create(admin, { username: 'ci', roles: ['admin'], kind: 'service', password: undefined })
  await expect(users.remove(admin, left?.username ?? '')).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
})

test('one who has the name of a removed account is not that account', async () => {
  await using parts = await site()
  const { users, sessions } = parts
  const admin = parts.of('admin')
  const old = parts.of('viewer')
  await users.remove(admin, 'viewer')
  await users.create(admin, { username: 'viewer', password: 'p', roles: ['viewer'], kind: 'user' })
  await expect(sessions.list(old, 'viewer')).rejects.toMatchObject(forbidden)
  const change = { username: 'viewer', password: 'p', current_password: 'p' }
  await expect(users.setPassword(old, change, '192.0.2.7')).rejects.toMatchObject(forbidden)
})

test('an API token changes no password and ends no login of its owner', async () => {
  await using parts = await site()
  const token: Actor = { ...parts.of('viewer'), via: 'api_token' }
  const change = { username: 'viewer', password: 'p', current_password: 'p' }
  await expect(parts.users.setPassword(token, change, '192.0.2.7')).rejects.toMatchObject(forbidden)
  await expect(parts.sessions.endAll(token, 'viewer')).rejects.toMatchObject(forbidden)
})

test('what is done with accounts is published with who did it from where, and without passwords', async () => {
  await using parts = await site()
  const { users, sessions, facts } = parts
  const admin = parts.of('admin')
  await users.create(admin, { username: 'new', password: 'a secret one', roles: ['viewer'], kind: 'user' })
  await users.update(admin, { username: 'new', roles: ['clerk'] })
  await users.setPassword(admin, { username: 'new', password: 'a secret one' }, '192.0.2.7')
  await sessions.endAll(admin, 'new')
  await users.remove(admin, 'new')
  expect(facts.map(({ action }) => action)).toEqual([
    'users.create',
    'users.update',
    'users.password',
    'sessions.end',
    'users.remove',
  ])
  for (const fact of facts)
    expect(fact).toMatchObject({
      actor: { principal_id: admin.principal_id, name: 'admin', via: 'password' },
      object: 'user:new',
      verdict: 'allowed',
      ip: '192.0.2.7',
    })
  expect(JSON.stringify(facts)).not.toMatch(/secret|hash/)
})

test('of more logins than are listed the newest are, and none of them ends', async () => {
  await using parts = await site()
  const folder = temporaryFolder()
  const lmdb = new LmdbFolder(folder.path, silent)
  const store = new LmdbSessions(lmdb)
  const soon = Date.now() + 60_000
  for (let at = 0; at < 1250; at++)
    await store.add('user-1', {
      session_id: `s${at}`,
      created_at: Date.now() + at,
      last_seen_at: 0,
      expires_at: soon,
      address: '192.0.2.7',
      via: 'password',
    })
  const listed = await new Sessions(store, silent).list('user-1', 's1249')
  expect(listed).toHaveLength(1000)
  expect(listed[0]).toMatchObject({ session_id: 's1249', current: true })
  expect((await store.list('user-1')).length).toBeLessThanOrEqual(1100)
  expect(parts.accounts.isEnded('s0')).toBe(false)
  await lmdb.close()
  folder[Symbol.dispose]()
}, 60_000)
