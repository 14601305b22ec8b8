import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { onBothStores, type Site } from '../../../support/both-stores.js'
import {
  callWith,
  inSeconds,
  joinRequest,
  KeyedAgent,
  makeJoinToken,
  nonce,
  post,
  TestKey,
} from '../../../support/keyed-agent.js'
import { RogueAgent } from '../../../support/rogue-agent.js'
import { startSystem } from '../../../support/system.js'

onBothStores('joining', (open, store) => {
  let site: Site
  let first: string
  let second: string
  beforeAll(async () => {
    site = await open()
    ;[first, second] = site.urls
  }, 120_000)
  afterAll(() => site[Symbol.asyncDispose](), 120_000)

  const join = (url: string, token: string, key = new TestKey(), more = {}) =>
    post(url, '/agents/join', joinRequest(token, key, more))

  test('a join token lets one machine in and refuses a second one with TOKEN_EXHAUSTED, at every controller', async () => {
    const { token } = await makeJoinToken(first, { labels: { env: 'prod' } })
    const joined = await join(first, token, new TestKey(), { agent_id: 'joins-once' })
    expect(joined).toMatchObject({
      status: 200,
      body: { agent_id: 'joins-once', assigned_labels: { env: 'prod' } },
    })
    // A data folder has a key for orders; with Redis one has to be set.
    expect(joined.body.order_keys).toHaveLength(store === 'LMDB' ? 1 : 0)
    for (const url of [first, second])
      expect(await join(url, token)).toMatchObject({ status: 403, body: { code: 'TOKEN_EXHAUSTED' } })
  })

  test('a join repeats with its identity when the same key comes within 10 minutes, and is refused after that', async () => {
    const { token } = await makeJoinToken(first)
    const key = new TestKey()
    const joined = await join(first, token, key)
    const again = await join(second, token, key)
    expect(again).toMatchObject({
      status: 200,
      body: { identity_id: joined.body.identity_id, agent_id: joined.body.agent_id },
    })
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + 11 * 60_000)
    try {
      const late = joinRequest(token, key, {}, { expires_at: Math.floor(now / 1000) + 11 * 60 + 30 })
      expect(await post(first, '/agents/join', late)).toMatchObject({
        status: 403,
        body: { code: 'TOKEN_EXHAUSTED' },
      })
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('a token of several uses lets as many in as it may when more come at once at both controllers', async () => {
    const { token, token_id } = await makeJoinToken(first, { uses: 3 })
    const replies = await Promise.all(
      [first, second, first, second, first, second].map((url) => join(url, token)),
    )
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 200, 200, 403, 403, 403])
    expect(new Set(replies.flatMap(({ body }) => body.identity_id ?? [])).size).toBe(3)
    const { body } = await callWith(second, 'GET', '/join-tokens')
    expect(JSON.stringify(body)).not.toContain(token_id)
  })

  test('a proof is refused when it was used before, is of another audience, has expired, or is by another key', async () => {
    const { token } = await makeJoinToken(first, { uses: 5 })
    const key = new TestKey()
    const once = joinRequest(token, key)
    expect(await post(first, '/agents/join', once)).toMatchObject({ status: 200 })
    expect(await post(second, '/agents/join', once)).toMatchObject({ status: 401 })
    const refused = [
      joinRequest(token, key, {}, { audience: 'ogent:elsewhere:agents' }),
      joinRequest(token, key, {}, { expires_at: inSeconds(-120) }),
      joinRequest(token, key, {}, { expires_at: inSeconds(3600) }),
      { ...joinRequest(token, key), public_key: new TestKey().public_key },
      { ...joinRequest(token, key), agent_id: 'not-what-was-signed' },
      { ...joinRequest(token, key), proof: { ...joinRequest(token, key).proof, nonce: nonce() } },
    ]
    for (const request of refused) {
      const { status, body } = await post(first, '/agents/join', request)
      expect([status, body.code], JSON.stringify(body)).toEqual([401, 'UNAUTHORIZED'])
    }
  })

  test('a join is refused as not valid when any of its fields is missing', async () => {
    const { token } = await makeJoinToken(first)
    const whole = joinRequest(token, new TestKey())
    for (const field of ['token', 'public_key', 'proof', 'info'] as const) {
      const { [field]: _left, ...rest } = whole
      expect(await post(first, '/agents/join', rest), field).toMatchObject({ status: 422 })
    }
    expect(await post(first, '/agents/token', {})).toMatchObject({ status: 422 })
  })

  test('a join token is refused with UNAUTHORIZED when it was revoked, has expired or was made up', async () => {
    const revoked = await makeJoinToken(first, { uses: null })
    expect(await callWith(second, 'DELETE', `/join-tokens/${revoked.token_id}`)).toMatchObject({
      status: 204,
    })
    expect(await callWith(first, 'DELETE', `/join-tokens/${revoked.token_id}`)).toMatchObject({ status: 404 })
    expect(await join(first, revoked.token)).toMatchObject({
      status: 401,
      body: { detail: 'The join token was revoked.' },
    })
    const made = await makeJoinToken(first)
    const guessed = made.token.slice(0, -1) + (made.token.endsWith('A') ? 'B' : 'A')
    for (const token of [guessed, 'ogj_nothing', made.token.replace(made.token_id, revoked.token_id)])
      expect(await join(first, token), token).toMatchObject({ status: 401 })
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + 2 * 3600_000)
    try {
      const late = joinRequest(made.token, new TestKey(), {}, { expires_at: Math.floor(now / 1000) + 7230 })
      const { status, body } = await post(first, '/agents/join', late)
      expect([status, body.detail]).toEqual([401, expect.stringContaining('has expired')])
    } finally {
      vi.restoreAllMocks()
    }
  })

  test('an agent gets the id that it asks for when the token allows that, and one of the kind when it asks for none', async () => {
    const { token } = await makeJoinToken(first, { uses: 5, agent_id: 'web-*' })
    expect(await join(first, token, new TestKey(), { agent_id: 'web-7' })).toMatchObject({
      body: { agent_id: 'web-7' },
    })
    expect(await join(first, token, new TestKey(), { agent_id: 'db-7' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    })
    expect(await join(first, token)).toMatchObject({
      body: { agent_id: expect.stringMatching(/^web-[0-9A-Z]{26}$/) },
    })
    expect(await join(first, token, new TestKey(), { agent_id: 'web-7' })).toMatchObject({ status: 403 })
  })

  test('an agent with a password gets a key when the token names it and it is not connected', async () => {
    const before = await RogueAgent.connect(first, 'upgraded')
    const open = await makeJoinToken(first)
    expect(await join(second, open.token, new TestKey(), { agent_id: 'upgraded' })).toMatchObject({
      status: 403,
      body: { code: 'FORBIDDEN' },
    })
    const named = await makeJoinToken(first, { agent_id: 'upgraded' })
    expect(await join(second, named.token, new TestKey(), { agent_id: 'upgraded' })).toMatchObject({
      status: 409,
      body: { code: 'AGENT_ID_TAKEN' },
    })
    before.close()
    await vi.waitFor(async () => {
      const { status } = await join(second, named.token, new TestKey(), { agent_id: 'upgraded' })
      expect(status).toBe(200)
    })
    await expect(RogueAgent.connect(first, 'upgraded')).rejects.toMatchObject({
      shape: { data: { ogent: { code: 'FORBIDDEN' } } },
    })
  })

  test('a join token of another installation is refused', async () => {
    await using other = await startSystem({ agent: false })
    const { token } = await makeJoinToken(other.url)
    expect(await join(first, token)).toMatchObject({
      status: 401,
      body: { detail: 'The join token is of another installation of Ogent.' },
    })
  })

  test('a join token shows neither its secret in the list nor its hash', async () => {
    const made = await makeJoinToken(first, { labels: { env: 'prod' }, uses: 2 })
    const agent = await KeyedAgent.join(first, made.token)
    const { body } = await callWith(second, 'GET', '/join-tokens')
    const listed = (body as unknown as Record<string, unknown>[]).find(
      ({ token_id }) => token_id === made.token_id,
    )
    const { token: _token, ...rest } = made
    const use = { public_key: agent.key.public_key, agent_id: agent.agent_id, at: expect.any(String) }
    expect(listed).toEqual({ ...rest, used_count: 1, used: [use] })
  })

  test('a join token is refused as not valid when it would last too long or give labels that cannot be', async () => {
    const wrong = [
      { expires_in_seconds: 31 * 24 * 3600 },
      { uses: 0 },
      { labels: { 'not a name': 'x' } },
      { agent_id: '../etc' },
      { labelz: {} },
    ]
    for (const request of wrong)
      expect(await callWith(first, 'POST', '/join-tokens', request)).toMatchObject({ status: 422 })
  })
})
