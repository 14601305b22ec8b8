import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { onBothStores, type Site } from '../../../support/both-stores.js'
import {
  callWith,
  inSeconds,
  KeyedAgent,
  makeJoinToken,
  post,
  TestKey,
} from '../../../support/keyed-agent.js'
import { RogueAgent } from '../../../support/rogue-agent.js'
import { startSystem } from '../../../support/system.js'

const here = 'a'.repeat(64)
const elsewhere = 'b'.repeat(64)
const refusal = (code: string) => ({ shape: { data: { ogent: { code } } } })

function kidOf({ public_key }: TestKey): string {
  return createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${public_key}"}`).digest('base64url')
}

onBothStores('agents with keys', (open) => {
  let site: Site
  let first: string
  let second: string
  beforeAll(async () => {
    site = await open()
    ;[first, second] = site.urls
  }, 120_000)
  afterAll(() => site[Symbol.asyncDispose](), 120_000)

  const joined = async (agent_id: string, request: object = {}, fingerprint: string | undefined = here) => {
    const { token } = await makeJoinToken(first, request)
    return KeyedAgent.join(first, token, { agent_id, ...(fingerprint ? { fingerprint } : {}) })
  }

  test('an agent with a key holds a link at each controller, with the labels of its join token over its own', async () => {
    const agent = await joined('has-a-link', { labels: { env: 'prod' } })
    for (const url of [first, second]) {
      const link = await agent.connect({ labels: { env: 'mine', role: 'web' } }, url)
      const { body } = await callWith(url, 'GET', '/agents/has-a-link')
      expect(body).toMatchObject({
        status: 'connected',
        labels: { env: 'prod', role: 'web' },
        assigned_labels: { env: 'prod' },
        identity: { identity_id: agent.joined.identity_id, key_ids: [agent.joined.kid] },
      })
      link.close()
      await link.closed
      await vi.waitFor(async () =>
        expect((await callWith(url, 'GET', '/agents/has-a-link')).body.status).toBe('disconnected'),
      )
    }
  })

  test('a token of an agent opens its link and nothing else', async () => {
    const agent = await joined('reads-nothing')
    const headers = { authorization: `Bearer ${await agent.token()}` }
    for (const path of ['/agents', '/commands', '/join-tokens', '/metrics'])
      expect((await fetch(`${first}${path}`, { headers })).status, path).toBe(403)
  })

  test('an assertion is refused when it was used before, at any controller', async () => {
    const agent = await joined('replays')
    const assertion = agent.assertion()
    expect(await agent.tokenReply(first, assertion)).toMatchObject({ status: 200 })
    for (const url of [second, first])
      expect(await agent.tokenReply(url, assertion)).toMatchObject({ status: 401 })
  })

  test('an assertion is refused when any of what it says is wrong', async () => {
    const agent = await joined('forges')
    const other = await joined('is-another')
    const { audience } = agent.joined
    const wrong: Record<string, string> = {
      'another audience': agent.assertion({ aud: 'ogent:elsewhere:agents' }),
      'the audience of accounts': agent.assertion({ aud: audience.replace(':agents', '') }),
      'another subject': agent.assertion({ iss: 'is-another', sub: 'is-another' }),
      'another issuer': agent.assertion({ iss: 'is-another' }),
      'the key of another': agent.assertion({}, {}, other.key),
      'no purpose': agent.assertion({}, { typ: 'JWT' }),
      'no signature': agent.assertion().replace(/[^.]+$/, ''),
      'no algorithm': agent.assertion({}, { alg: 'none' }).replace(/[^.]+$/, ''),
      'an end long ago': agent.assertion({ iat: inSeconds(-200), exp: inSeconds(-150) }),
      'a long life': agent.assertion({ exp: inSeconds(600) }),
      'a beginning of later': agent.assertion({ iat: inSeconds(600), exp: inSeconds(650) }),
      'no id': agent.assertion({ jti: undefined }),
      'no end': agent.assertion({ exp: undefined }),
      'an agent that there is not': agent.assertion({ iss: 'not-there', sub: 'not-there' }),
      'no assertion': 'nothing',
    }
    for (const [what, assertion] of Object.entries(wrong))
      expect(await agent.tokenReply(first, assertion), what).toMatchObject({
        status: 401,
        body: { code: 'UNAUTHORIZED' },
      })
    expect(await agent.tokenReply()).toMatchObject({ status: 200 })
  })

  test('a token and an assertion are refused by another installation', async () => {
    await using other = await startSystem({ agent: false })
    const agent = await joined('of-this-one')
    const headers = { authorization: `Bearer ${await agent.token()}` }
    expect((await fetch(`${other.url}/users/me`, { headers })).status).toBe(401)
    expect(await agent.tokenReply(other.url)).toMatchObject({ status: 401 })
  })

  test('an agent with a key is refused when it registers another id, or none', async () => {
    const agent = await joined('keeps-its-id')
    await joined('of-another-key')
    for (const agent_id of ['of-another-key', 'of-no-agent'])
      await expect(agent.connect({ agent_id })).rejects.toMatchObject(refusal('FORBIDDEN'))
    const token = await agent.token()
    const { agent_id: _none, ...hello } = { agent_id: '' }
    await expect(
      RogueAgent.connect(first, 'x', { ...hello, agent_id: undefined, protocol_max: 2 } as never, token),
    ).rejects.toMatchObject(refusal('FORBIDDEN'))
  })

  test('an agent with a key is refused when it comes by a password or protocol 1, also as an admin, before its first link too', async () => {
    const agent = await joined('has-a-key')
    await expect(agent.connect({ protocol_max: 1 })).rejects.toMatchObject(refusal('FORBIDDEN'))
    for (const url of [first, second]) {
      await expect(RogueAgent.connect(url, 'has-a-key')).rejects.toMatchObject(refusal('FORBIDDEN'))
      await expect(RogueAgent.connect(url, 'has-a-key', { protocol_max: 2 })).rejects.toMatchObject(
        refusal('FORBIDDEN'),
      )
    }
    const body = new URLSearchParams({ username: 'admin', password: 'admin-pass-1' })
    const reply = await fetch(`${first}/token`, { method: 'POST', body })
    const { access_token } = (await reply.json()) as { access_token: string }
    await expect(RogueAgent.connect(first, 'has-a-key', {}, access_token)).rejects.toMatchObject(
      refusal('FORBIDDEN'),
    )
  })

  test('a copy of the state folder on another machine is AGENT_CLONED, and the first one stays up', async () => {
    const agent = await joined('cloned')
    const link = await agent.connect()
    for (const fingerprint of [elsewhere, undefined]) {
      const copy = new KeyedAgent(second, agent.key, agent.joined, fingerprint)
      expect(await copy.tokenReply()).toMatchObject({ status: 409, body: { code: 'AGENT_CLONED' } })
    }
    expect(await agent.tokenReply()).toMatchObject({ status: 200 })
    expect((await callWith(second, 'GET', '/agents/cloned')).body.status).toBe('connected')
    link.close()
  })

  test('another machine gets on with the key, and the one before is out, when an admin has accepted it', async () => {
    const agent = await joined('moved')
    const moved = new KeyedAgent(second, agent.key, agent.joined, elsewhere)
    const accept = () => callWith(first, 'PATCH', '/agents/moved', { accept_machine: true })
    const link = await agent.connect()
    expect(await accept()).toMatchObject({ status: 422 })
    expect(await moved.tokenReply()).toMatchObject({ status: 409 })
    expect(await accept()).toMatchObject({ status: 200 })
    await link.closed
    expect(await agent.tokenReply()).toMatchObject({ status: 409, body: { code: 'AGENT_CLONED' } })
    await vi.waitFor(async () => (await moved.connect({ instance_id: 'moved' })).close())
  })

  test('a key is followed by another when both have signed, and both hold for a day', async () => {
    const agent = await joined('rotates')
    const [next, thief] = [new TestKey(), new TestKey()]
    const rotate = (body: object) => post(second, '/agents/token', body)
    expect(await rotate(agent.rotation(next, kidOf(next), thief))).toMatchObject({ status: 401 })
    expect(await rotate(agent.rotation(next, kidOf(thief)))).toMatchObject({ status: 401 })
    expect(await callWith(first, 'PATCH', '/agents/rotates', { rotate_key: true })).toMatchObject({
      status: 404,
    })
    ;(await agent.connect()).close()
    expect(await callWith(first, 'PATCH', '/agents/rotates', { rotate_key: true })).toMatchObject({
      status: 200,
    })
    expect((await agent.tokenReply()).body.rotate).toBe(true)
    for (let times = 0; times < 2; times++) {
      expect(await rotate(agent.rotation(next, kidOf(next)))).toMatchObject({
        status: 200,
        body: { kid: kidOf(next), rotate: false },
      })
    }
    const renewed = new KeyedAgent(second, next, { ...agent.joined, kid: kidOf(next) }, here)
    expect(await agent.tokenReply()).toMatchObject({ status: 200 })
    expect(await renewed.tokenReply()).toMatchObject({ status: 200 })
    const now = Date.now()
    vi.spyOn(Date, 'now').mockImplementation(() => now + 25 * 3600_000)
    try {
      const later = { iat: Math.floor(now / 1000) + 25 * 3600, exp: Math.floor(now / 1000) + 25 * 3600 + 50 }
      expect(await agent.tokenReply(first, agent.assertion(later))).toMatchObject({ status: 401 })
    } finally {
      vi.restoreAllMocks()
    }
  })
})

describe('a controller with AGENT_PASSWORDS=off', () => {
  test('refuses agents with a password, with a sentence that says how to join, and serves those with a key', async () => {
    await using system = await startSystem({ agent: false, controller: { AGENT_PASSWORDS: 'off' } })
    await expect(RogueAgent.connect(system.url, 'old')).rejects.toMatchObject({
      shape: { message: expect.stringContaining('ogent join-tokens create') },
    })
    const { token } = await makeJoinToken(system.url)
    const agent = await KeyedAgent.join(system.url, token)
    ;(await agent.connect()).close()
  })
})
