import { afterAll, beforeAll, expect, test } from 'vitest'
import { createOgentClient } from '../../../src/client/client.js'
import type { CallerIdentity } from '../../../src/shared/access/identity.js'
import type { User, UserPage, UserSessions } from '../../../src/shared/access/users.js'
import { ask, logIn, makeUser, openSocket, PASSWORD, statusOf, tokenOf } from '../../support/accounts.js'
import { onBothStores, type Site } from '../../support/both-stores.js'
import { RogueAgent } from '../../support/rogue-agent.js'
import { accounts } from '../../support/system.js'

const LONG = { timeout: 120_000 }

onBothStores('accounts over REST', (open) => {
  let site: Site
  let here: string
  let there: string
  let admin: string
  beforeAll(async () => {
    site = await open()
    ;[here, there] = site.urls
    admin = await tokenOf(here, 'admin', accounts.admin.password)
  })
  afterAll(() => site[Symbol.asyncDispose]())

  test('an account is made once, is shown everywhere, and logs in everywhere', LONG, async () => {
    const made = await makeUser(here, admin, 'ann', ['operator', 'viewer'])
    expect(made).toMatchObject({
      username: 'ann',
      kind: 'user',
      roles: ['operator', 'viewer'],
      disabled_at: null,
      last_login_at: null,
      temporary: false,
    })
    expect(made.user_id).toMatch(/^[0-9A-Z]{26}$/)
    expect(JSON.stringify(made)).not.toContain('scrypt')
    const again = { username: 'ann', password: PASSWORD, roles: ['viewer'] }
    expect(await ask(there, admin, 'POST /users', again)).toMatchObject({
      status: 409,
      body: { code: 'USER_EXISTS' },
    })
    const token = await tokenOf(there, 'ann')
    const me = await ask<CallerIdentity>(here, token, 'GET /users/me')
    expect(me.body).toMatchObject({
      username: 'ann',
      role: 'operator',
      roles: ['operator', 'viewer'],
      user_id: made.user_id,
      via: 'password',
    })
    expect(Date.parse(me.body.expires_at)).toBeGreaterThan(Date.now())
    const shown = await ask<User>(there, admin, 'GET /users/ann')
    expect(Date.parse(shown.body.last_login_at ?? '')).toBeGreaterThan(Date.now() - 60_000)
  })

  test('a list goes on after its last name, and shows accounts of the settings as such', LONG, async () => {
    await makeUser(here, admin, 'bob', [])
    const names: string[] = []
    let cursor = ''
    for (let page = 0; page < 20; page++) {
      const query = cursor === '' ? '' : `&cursor=${cursor}`
      const { body } = await ask<UserPage>(there, admin, `GET /users?limit=2${query}`)
      expect(body.users.length).toBeLessThanOrEqual(2)
      names.push(...body.users.map(({ username }) => username))
      if (body.next_cursor === null) break
      cursor = body.next_cursor
    }
    expect(names).toEqual([...names].sort())
    expect(names).toEqual(expect.arrayContaining(['admin', 'agents', 'bob', 'olga', 'victor']))
    const olga = await ask<User>(here, admin, 'GET /users/olga')
    expect(olga.body).toMatchObject({ temporary: true, generation: 0 })
    for (const call of ['PATCH /users/olga', 'DELETE /users/olga', 'PUT /users/olga/password']) {
      const { status, body } = await ask(here, admin, call, { disabled: true, password: PASSWORD })
      if (status === 422) continue
      expect([status, body.detail], call).toEqual([403, expect.stringContaining('set by the settings')])
    }
    expect((await ask(here, admin, 'PATCH /users/olga', { disabled: true })).status).toBe(403)
  })

  test.each<[what: string, call: string, body?: object]>([
    ['is locked', 'PATCH /users/NAME', { disabled: true }],
    ['has other roles', 'PATCH /users/NAME', { roles: ['viewer', 'agent'] }],
    ['has another password', 'PUT /users/NAME/password', { password: 'another password' }],
    ['has its logins ended', 'DELETE /users/NAME/sessions'],
    ['is removed', 'DELETE /users/NAME'],
  ])(
    'its token and its open sockets end at every controller when an account %s',
    LONG,
    async (what, ...given) => {
      const name = `vera-${what.replaceAll(' ', '-')}`
      await makeUser(here, admin, name, ['viewer'])
      const token = await tokenOf(here, name)
      const other = await tokenOf(here, 'ann')
      const sockets = await Promise.all([here, there].map((url) => openSocket(url, token)))
      const kept = await openSocket(there, other)
      const [call, body] = given
      expect((await ask(there, admin, call.replace('NAME', name), body)).status).toBeLessThan(300)
      for (const socket of sockets) expect(await socket.ended()).toBe(true)
      expect([await statusOf(here, token), await statusOf(there, token)]).toEqual([401, 401])
      expect([await statusOf(here, other), kept.open]).toEqual([200, true])
      kept.close()
    },
  )

  test('a locked account cannot log in, and can again when it is unlocked', LONG, async () => {
    await makeUser(here, admin, 'lou', ['viewer'])
    const before = await tokenOf(here, 'lou')
    const locked = await ask<User>(here, admin, 'PATCH /users/lou', { disabled: true })
    expect(Date.parse(locked.body.disabled_at ?? '')).toBeGreaterThan(0)
    expect((await logIn(there, 'lou')).status).toBe(401)
    expect((await logIn(here, 'lou', 'a wrong password')).status).toBe(401)
    await ask(there, admin, 'PATCH /users/lou', { disabled: false })
    expect((await logIn(here, 'lou')).status).toBe(200)
    // What it had before the lock stays ended.
    expect(await statusOf(here, before)).toBe(401)
  })

  test('one of several logins is ended, and the others go on', LONG, async () => {
    await makeUser(here, admin, 'sam', ['viewer'])
    const [first, second] = [await tokenOf(here, 'sam'), await tokenOf(there, 'sam')]
    const { body } = await ask<UserSessions>(there, first, 'GET /users/sam/sessions')
    expect(body.sessions).toHaveLength(2)
    expect(body.sessions.map(({ current }) => current).sort()).toEqual([false, true])
    expect(body.sessions[0]).toMatchObject({ via: 'password', address: expect.stringMatching(/127|::/) })
    const gone = body.sessions.find(({ current }) => !current)?.session_id
    const socket = await openSocket(here, second)
    expect((await ask(here, first, `DELETE /users/sam/sessions/${gone}`)).status).toBe(204)
    expect(await socket.ended()).toBe(true)
    expect([await statusOf(there, first), await statusOf(there, second)]).toEqual([200, 401])
    expect((await ask(here, first, `DELETE /users/sam/sessions/${gone}`)).status).toBe(404)
    expect((await ask(here, first, 'GET /users/ann/sessions')).status).toBe(403)
    const left = await ask<UserSessions>(here, first, 'GET /users/sam/sessions')
    expect(left.body.sessions).toHaveLength(1)
  })

  test("one's own password takes the one until now, whose guesses count as logins", LONG, async () => {
    await makeUser(here, admin, 'pat', ['viewer'])
    const token = await tokenOf(here, 'pat')
    const change = (given: object) => ask(here, token, 'PUT /users/pat/password', given)
    const password = 'a new password of pat'
    expect((await change({ password })).status).toBe(422)
    expect(await change({ password, current_password: 'a wrong one' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    })
    expect((await change({ password: 'short', current_password: PASSWORD })).status).toBe(422)
    expect((await change({ password, current_password: PASSWORD })).status).toBe(204)
    expect(await statusOf(here, token)).toBe(401)
    const fresh = await tokenOf(there, 'pat', password)
    const statuses = []
    for (let guess = 0; guess < 11; guess++) {
      const given = { password, current_password: `guess ${guess}` }
      statuses.push((await ask(there, fresh, 'PUT /users/pat/password', given)).status)
    }
    expect(statuses.slice(0, 9)).toEqual(Array.from({ length: 9 }, () => 403))
    expect(statuses.at(-1)).toBe(429)
    expect((await ask(here, fresh, 'PUT /users/ann/password', { password })).status).toBe(403)
  })

  test('an account that ends its own login has the answer first, and then ends', LONG, async () => {
    await makeUser(here, admin, 'own', ['viewer'])
    const token = await tokenOf(here, 'own')
    const socket = await openSocket(here, token)
    await using client = createOgentClient({ url: here, token })
    const password = 'another one of own'
    await client.users.setPassword('own', { password, current_password: PASSWORD })
    expect(await socket.ended()).toBe(true)
    await using again = createOgentClient({ url: there, username: 'own', password })
    const { sessions } = await again.users.sessions.list('own')
    const current = sessions.find((session) => session.current)?.session_id ?? ''
    await again.users.sessions.end('own', current)
  })

  test('a service account has no password and cannot log in', LONG, async () => {
    const made = await makeUser(here, admin, 'ci', ['operator'], { kind: 'service' })
    expect(made.kind).toBe('service')
    expect((await logIn(here, 'ci', '')).status).toBe(422)
    expect((await logIn(here, 'ci', 'null')).status).toBe(401)
    expect((await ask(here, admin, 'PUT /users/ci/password', { password: PASSWORD })).status).toBe(422)
  })

  test(
    'a new account of an old name has another id, and the token of the old one is refused',
    LONG,
    async () => {
      const first = await makeUser(here, admin, 'twin', ['operator'])
      const token = await tokenOf(here, 'twin')
      await ask(here, admin, 'DELETE /users/twin')
      const second = await makeUser(there, admin, 'twin', ['operator'])
      expect(second.user_id).not.toBe(first.user_id)
      expect([await statusOf(here, token), await statusOf(there, token)]).toEqual([401, 401])
    },
  )

  test.each<[what: string, call: string, body: unknown, loc: unknown[]]>([
    ['no name', 'POST /users', { password: PASSWORD, roles: [] }, ['body', 'username']],
    ['no password', 'POST /users', { username: 'x', roles: [] }, ['body', 'password']],
    ['no roles', 'POST /users', { username: 'x', password: PASSWORD }, ['body', 'roles']],
    [
      'a short password',
      'POST /users',
      { username: 'x', password: 'short', roles: [] },
      ['body', 'password'],
    ],
    [
      'a name with a line break',
      'POST /users',
      { username: 'x\n', password: PASSWORD, roles: [] },
      ['body', 'username'],
    ],
    ['the name me', 'POST /users', { username: 'me', password: PASSWORD, roles: [] }, ['body', 'username']],
    [
      'a role that there is not',
      'POST /users',
      { username: 'x', password: PASSWORD, roles: ['king'] },
      ['roles', 0],
    ],
    [
      'a field that is not known',
      'POST /users',
      { username: 'x', password: PASSWORD, roles: [], role: 'admin' },
      ['body', 'role'],
    ],
    [
      'a password of a service account',
      'POST /users',
      { username: 'x', password: PASSWORD, roles: [], kind: 'service' },
      ['body', 'password'],
    ],
    ['no change', 'PATCH /users/ann', {}, ['body']],
    ['a change of the name', 'PATCH /users/ann', { username: 'eve', disabled: true }, ['body', 'username']],
    ['no new password', 'PUT /users/ann/password', { current_password: PASSWORD }, ['body', 'password']],
  ])('%s is refused with its place', LONG, async (_what, call, body, loc) => {
    const reply = await ask<{ detail: { loc: unknown[] }[] }>(here, admin, call, body)
    expect(reply.status, JSON.stringify(reply.body)).toBe(422)
    expect(reply.body.detail.map((issue) => issue.loc)).toContainEqual(loc)
    expect((await ask(here, admin, 'GET /users/x')).status).toBe(404)
  })

  test('an unknown account is 404 for those who keep accounts', LONG, async () => {
    const calls: [call: string, body?: object][] = [
      ['GET /users/nobody'],
      ['PATCH /users/nobody', { disabled: true }],
      ['DELETE /users/nobody'],
      ['PUT /users/nobody/password', { password: PASSWORD }],
      ['GET /users/nobody/sessions'],
      ['DELETE /users/nobody/sessions'],
    ]
    for (const [call, body] of calls)
      expect(await ask(here, admin, call, body), call).toMatchObject({
        status: 404,
        body: { detail: 'There is no account nobody.' },
      })
  })
})

onBothStores('commands of an account', (open) => {
  test('are not for a new account of its name', LONG, async () => {
    await using site = await open()
    const [here, there] = site.urls
    const admin = await tokenOf(here, 'admin', accounts.admin.password)
    await using agent = await RogueAgent.connect(here, 'web-1', { features: ['stdin'] })
    await makeUser(here, admin, 'twin', ['operator'])
    const first = await tokenOf(here, 'twin')
    const request = { command: 'cat', open_stdin: true }
    const start = (url: string, token: string) =>
      fetch(`${url}/agents/web-1/execute`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          'idempotency-key': 'of-the-first',
          prefer: 'respond-async',
        },
        body: JSON.stringify(request),
      })
    expect((await start(here, first)).status).toBe(202)
    await agent.order()
    // A retry is the same command.
    expect((await start(there, first)).status).toBe(202)
    await ask(here, admin, 'DELETE /users/twin')
    await makeUser(here, admin, 'twin', ['operator'])
    const second = await tokenOf(there, 'twin')
    const taken = await start(there, second)
    expect([taken.status, await taken.json()]).toMatchObject([409, { code: 'COMMAND_ID_TAKEN' }])
    const input = { offset: 0, data: 'mine', encoding: 'utf8', end: false }
    expect(await ask(here, second, 'POST /commands/of-the-first/input', input)).toMatchObject({
      status: 403,
    })
  })
})
