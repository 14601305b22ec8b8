import { afterAll, beforeAll, expect, test } from 'vitest'
import { createOgentClient } from '../../../src/client/client.js'
import { Session } from '../../../src/client/transport/session.js'
import type { CallerIdentity } from '../../../src/shared/access/identity.js'
import type { ApiTokenList, MadeApiToken } from '../../../src/shared/access/tokens.js'
import { startLoop } from '../../agent/link/loops.js'
import { ask, makeUser, openSocket, PASSWORD, statusOf, tokenOf } from '../../support/accounts.js'
import { onBothStores, type Site } from '../../support/both-stores.js'
import { until } from '../../support/processes.js'
import { accounts } from '../../support/system.js'

const LONG = { timeout: 120_000 }
const DAY = 24 * 3600 * 1000

onBothStores('API tokens over REST', (open) => {
  let site: Site
  let here: string
  let there: string
  let admin: string
  let ann: string
  beforeAll(async () => {
    site = await open()
    ;[here, there] = site.urls
    admin = await tokenOf(here, 'admin', accounts.admin.password)
    await makeUser(here, admin, 'ann', ['operator'])
    ann = await tokenOf(here, 'ann')
  }, 60_000)
  afterAll(() => site[Symbol.asyncDispose]())

  const make = async (bearer: string, body: Record<string, unknown>, url = here) => {
    const made = await ask<MadeApiToken>(url, bearer, 'POST /tokens', body)
    expect(made.status, JSON.stringify(made.body)).toBe(201)
    return made.body
  }
  const tokensOf = async (bearer: string, query = '') =>
    (await ask<ApiTokenList>(there, bearer, `GET /tokens${query}`)).body.tokens

  test('one is shown once, is accepted at once everywhere, and is its owner', LONG, async () => {
    const made = await make(ann, { name: 'ci' })
    expect(made).toMatchObject({ name: 'ci', owner_name: 'ann', grants: null, parent_id: null })
    const life = Date.parse(made.expires_at) - Date.parse(made.created_at)
    expect(life).toBe(90 * DAY)
    for (const url of [here, there]) {
      const me = await ask<CallerIdentity>(url, made.token, 'GET /users/me')
      expect(me.body).toMatchObject({
        username: 'ann',
        roles: ['operator'],
        via: 'api_token',
        session_id: made.token_id,
        expires_at: made.expires_at,
        user_id: made.owner,
      })
    }
    const listed = await tokensOf(ann)
    expect(listed.map(({ token_id }) => token_id)).toContain(made.token_id)
    expect(JSON.stringify(listed)).not.toContain(made.token)
    expect(JSON.stringify(listed)).not.toContain('hash')
    await until('its use is noted', async () =>
      (await tokensOf(ann)).some(({ token_id, last_used_at }) => token_id === made.token_id && last_used_at),
    )
    const socket = await openSocket(there, made.token)
    socket.close()
    await using client = createOgentClient({ url: here, token: made.token })
    expect(await client.agents.list()).toEqual([])
  })

  test.each<[what: string, end: (name: string, token_id: string) => Promise<{ status: number }>]>([
    [
      'it is revoked',
      (name, id) => tokenOf(here, name).then((own) => ask(here, own, `DELETE /tokens/${id}`)),
    ],
    ['its owner is locked', (name) => ask(there, admin, `PATCH /users/${name}`, { disabled: true })],
    ['its owner is removed', (name) => ask(here, admin, `DELETE /users/${name}`)],
  ])('it ends at every controller, with its sockets, when %s', LONG, async (what, end) => {
    const name = `owner-${what.replaceAll(' ', '-')}`
    await makeUser(here, admin, name, ['operator'])
    const own = await tokenOf(here, name)
    const { token, token_id } = await make(own, { name: 'ci' })
    const sockets = await Promise.all([here, there].map((url) => openSocket(url, token)))
    expect((await end(name, token_id)).status).toBeLessThan(300)
    for (const socket of sockets) expect(await socket.ended()).toBe(true)
    await until(
      'both refuse it',
      async () => (await statusOf(here, token)) + (await statusOf(there, token)) === 802,
    )
  })

  test('a new password of its owner leaves it, and fewer roles of its owner narrow it', LONG, async () => {
    await makeUser(here, admin, 'rob', ['operator'])
    const { token } = await make(await tokenOf(here, 'rob'), { name: 'ci' })
    await ask(here, admin, 'PUT /users/rob/password', { password: 'another password' })
    expect([await statusOf(here, token), await statusOf(there, token)]).toEqual([200, 200])
    const socket = await openSocket(there, token)
    await ask(here, admin, 'PATCH /users/rob', { roles: ['viewer'] })
    expect(await socket.ended()).toBe(true)
    const analyze = () => ask(there, token, 'POST /agents/analyze', { command: 'true' })
    await until('it has the roles of its owner', async () => (await analyze()).status === 403)
    expect((await ask<CallerIdentity>(here, token, 'GET /users/me')).body.roles).toEqual(['viewer'])
  })

  test('one that is made by a token ends with it, lives no longer and is bound by both', LONG, async () => {
    const grants = [{ actions: ['commands.view'], agents: 'all' }]
    const parent = await make(ann, { name: 'parent', grants, expires_in_seconds: 3600 })
    const child = await make(parent.token, { name: 'child' }, there)
    expect(child).toMatchObject({ parent_id: parent.token_id, expires_at: parent.expires_at })
    const grandchild = await make(child.token, {
      name: 'grandchild',
      grants: [{ ...grants[0], agents: 'web-1' }],
    })
    // A token cannot revoke what it did not make.
    const other = await make(ann, { name: 'other' })
    expect((await ask(here, child.token, `DELETE /tokens/${parent.token_id}`)).status).toBe(403)
    expect((await ask(here, child.token, `DELETE /tokens/${other.token_id}`)).status).toBe(403)
    expect((await ask(there, ann, `DELETE /tokens/${parent.token_id}`)).status).toBe(204)
    for (const { token } of [parent, child, grandchild])
      await until('it is refused', async () => (await statusOf(here, token)) === 401)
    expect(await statusOf(here, other.token)).toBe(200)
    let { token } = other
    for (let depth = 0; depth < 8; depth++) token = (await make(token, { name: `at ${depth}` })).token
    expect((await ask(here, token, 'POST /tokens', { name: 'one more' })).status).toBe(422)
  })

  test('a service account gets one from those who keep tokens, and a person does not', LONG, async () => {
    await makeUser(here, admin, 'robot', ['viewer'], { kind: 'service' })
    const made = await make(admin, { name: 'ci', owner: 'robot' })
    const me = await ask<CallerIdentity>(there, made.token, 'GET /users/me')
    expect(me.body).toMatchObject({ username: 'robot', roles: ['viewer'] })
    expect(await tokensOf(admin, '?owner=robot')).toHaveLength(1)
    expect(await tokensOf(admin, `?owner=${made.owner}`)).toHaveLength(1)
    expect((await ask(here, ann, 'GET /tokens?owner=robot')).status).toBe(403)
    expect((await ask(here, ann, 'POST /tokens', { name: 'x', owner: 'robot' })).status).toBe(403)
    expect((await ask(here, admin, 'POST /tokens', { name: 'x', owner: 'ann' })).status).toBe(403)
    expect((await ask(here, admin, 'POST /tokens', { name: 'x', owner: 'nobody' })).status).toBe(404)
    // Others do not learn that there is such a token.
    for (const id of [made.token_id, 'unknown'])
      expect(await ask(here, ann, `DELETE /tokens/${id}`)).toMatchObject({
        status: 404,
        body: { detail: `There is no API token ${id}.` },
      })
    expect((await ask(here, admin, `DELETE /tokens/${made.token_id}`)).status).toBe(204)
  })

  test('a password is changed by none', LONG, async () => {
    const { token } = await make(ann, { name: 'ci' })
    const change = { password: 'another password', current_password: PASSWORD }
    expect((await ask(here, token, 'PUT /users/ann/password', change)).status).toBe(403)
    expect((await ask(here, token, 'DELETE /users/ann/sessions')).status).toBe(403)
  })

  test('it opens the link of an agent only where its owner has the role agent', LONG, async () => {
    const asAgent = async (token: string) => {
      const session = await Session.open({ url: here, token })
      const call = { type: 'mutation', path: 'agentReport', input: { sid: 'none', reports: [] } } as const
      const code = await new Promise<string>((resolve) => {
        const said = (error: { shape?: { data?: { ogent?: { code?: string } } }; code?: string }) =>
          resolve(error.shape?.data?.ogent?.code ?? error.code ?? '')
        session.call(call, { data: () => {}, error: (error) => said(error as never), complete: () => {} })
      })
      session.close()
      return code
    }
    const ofAdmin = await make(admin, { name: 'admin' })
    expect(await asAgent(ofAdmin.token)).toBe('FORBIDDEN')
    await makeUser(here, admin, 'fleet', ['agent'], { kind: 'service' })
    const ofFleet = await make(admin, { name: 'fleet', owner: 'fleet' })
    // Let in, and without a link.
    expect(await asAgent(ofFleet.token)).toBe('CONNECTION_LOST')
  })

  test.each<[what: string, body: unknown, loc: unknown[]]>([
    ['no name', {}, ['body', 'name']],
    ['an empty name', { name: '' }, ['body', 'name']],
    ['more than a year', { name: 'x', expires_in_seconds: 366 * 24 * 3600 }, ['body', 'expires_in_seconds']],
    ['no grant in the list', { name: 'x', grants: [] }, ['body', 'grants']],
    ['a grant without actions', { name: 'x', grants: [{ agents: 'all' }] }, ['body', 'grants', 0, 'actions']],
    [
      'a grant without agents',
      { name: 'x', grants: [{ actions: ['run.shell'] }] },
      ['body', 'grants', 0, 'agents'],
    ],
    [
      'an action that there is not',
      { name: 'x', grants: [{ actions: ['fly'], agents: 'all' }] },
      ['body', 'grants', 0, 'actions', 0],
    ],
    ['a field that is not known', { name: 'x', expires: '90d' }, ['body', 'expires']],
  ])('%s is refused with its place', LONG, async (_what, body, loc) => {
    const reply = await ask<{ detail: { loc: unknown[] }[] }>(here, ann, 'POST /tokens', body)
    expect(reply.status, JSON.stringify(reply.body)).toBe(422)
    expect(reply.body.detail.map((issue) => issue.loc)).toContainEqual(loc)
  })

  test('a mistyped one is refused with another sentence than one that is not known', LONG, async () => {
    const { token, token_id } = await make(ann, { name: 'ci' })
    const said = async (bearer: string) =>
      (await ask<{ detail: string }>(here, bearer, 'GET /users/me')).body.detail
    expect(await said(token.slice(0, -1))).toContain('not whole')
    await ask(here, ann, `DELETE /tokens/${token_id}`)
    expect(await said(token)).toContain('revoked')
  })
})

onBothStores('the link of an agent by a password', (open) => {
  test('is closed for good when its account is locked', LONG, async () => {
    await using site = await open()
    const [here, there] = site.urls
    const admin = await tokenOf(here, 'admin', accounts.admin.password)
    await makeUser(here, admin, 'ag', ['agent'])
    const loop = startLoop('locked', { url: there, username: 'ag', password: PASSWORD, reconnectDelayMs: 20 })
    await until('it is registered', () => loop.registered.length > 0)
    await ask(here, admin, 'PATCH /users/ag', { disabled: true })
    await until('it is refused', () => loop.lines.some(({ code }) => code === 'UNAUTHORIZED'))
    expect(loop.registered).toHaveLength(1)
    await loop.stop()
  })
})
