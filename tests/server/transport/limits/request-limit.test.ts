import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { OgentError, ogentPart } from '../../../../src/shared/errors.js'
import { type accounts, type System, startSystem } from '../../../support/system.js'

/** A controller at which each caller may make so many requests a minute. */
function startLimited(MAX_REQUESTS_PER_MINUTE: number, { agent = false } = {}): Promise<System> {
  return startSystem({ controller: { MAX_REQUESTS_PER_MINUTE }, ...(agent ? {} : { agent: false }) })
}

function limitOf({ headers }: Response): { limit: string | null; remaining: string | null; reset: number } {
  return {
    limit: headers.get('ratelimit-limit'),
    remaining: headers.get('ratelimit-remaining'),
    reset: Number(headers.get('ratelimit-reset')),
  }
}

/** Requests with one token of a role. */
async function callerOf(system: System, role: keyof typeof accounts) {
  const authorization = `Bearer ${await system.token(role)}`
  return (path: string, init: RequestInit = {}) =>
    fetch(`${system.url}${path}`, { ...init, headers: { authorization, ...init.headers } })
}

async function expectRefused(reply: Response): Promise<void> {
  expect(reply.status).toBe(429)
  const wait = Number(reply.headers.get('retry-after'))
  expect(wait).toBeGreaterThan(0)
  expect(wait).toBeLessThanOrEqual(60)
  expect(limitOf(reply)).toMatchObject({ remaining: '0', reset: wait })
  expect(await reply.json()).toMatchObject({
    code: 'RATE_LIMITED',
    retry_after_seconds: wait,
    detail: expect.stringContaining('MAX_REQUESTS_PER_MINUTE'),
  })
}

describe('requests over REST', () => {
  test('say what is left of those of their account, and one more is 429 with the time to wait', async () => {
    await using system = await startLimited(3)
    const victor = await callerOf(system, 'viewer')
    for (const remaining of ['2', '1', '0']) {
      const reply = await victor('/users/me')
      expect(reply.status).toBe(200)
      expect(limitOf(reply)).toMatchObject({ limit: '3', remaining })
      expect(limitOf(reply).reset).toBeGreaterThan(0)
      expect(limitOf(reply).reset).toBeLessThanOrEqual(60)
    }
    await expectRefused(await victor('/agents'))
    const olga = await callerOf(system, 'operator')
    expect(limitOf(await olga('/users/me'))).toMatchObject({ remaining: '2' })
  })

  test('count where they are refused for their role, their body or their path', async () => {
    await using system = await startLimited(3)
    const victor = await callerOf(system, 'viewer')
    const post = { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } }
    expect((await victor('/agents/analyze', post)).status).toBe(403)
    expect((await victor('/commands/unknown')).status).toBe(404)
    expect((await victor('/commands?limit=two')).status).toBe(422)
    await expectRefused(await victor('/users/me'))
  })

  test('count by address where the caller is not known', async () => {
    await using system = await startSystem({
      agent: false,
      controller: { MAX_REQUESTS_PER_MINUTE: 3, TRUSTED_PROXIES: ['127.0.0.1'] },
    })
    const ask = (address: string, headers: Record<string, string> = {}) =>
      fetch(`${system.url}/users/me`, { headers: { 'x-forwarded-for': address, ...headers } })
    expect(limitOf(await ask('192.0.2.1'))).toMatchObject({ limit: '3', remaining: '2' })
    expect((await ask('192.0.2.1', { authorization: 'Bearer wrong' })).status).toBe(401)
    const login = await fetch(`${system.url}/token`, {
      method: 'POST',
      headers: { 'x-forwarded-for': '192.0.2.1' },
      body: new URLSearchParams({ username: 'victor', password: 'viewer-pass-1' }),
    })
    expect(limitOf(login)).toMatchObject({ remaining: '0' })
    await expectRefused(await ask('192.0.2.1'))
    // An account is not its address.
    const { access_token } = (await login.json()) as { access_token: string }
    expect((await ask('192.0.2.1', { authorization: `Bearer ${access_token}` })).status).toBe(200)
    expect((await ask('192.0.2.2')).status).toBe(401)
    for (const last of ['1', '2', 'ffff']) expect((await ask(`2001:db8::${last}`)).status).toBe(401)
    await expectRefused(await ask('2001:db8::4'))
  })

  test('about the controller itself are not counted', async () => {
    await using system = await startLimited(1)
    const victor = await callerOf(system, 'viewer')
    expect((await victor('/users/me')).status).toBe(200)
    await expectRefused(await victor('/users/me'))
    for (const path of [
      '/',
      '/health',
      '/ready',
      '/metrics',
      '/openapi.json',
      '/docs/api',
      '/docs/api/static/index.css',
      '/docs/errors',
    ]) {
      const reply = await victor(path)
      expect(reply.status, path).toBe(200)
      expect(limitOf(reply), path).toMatchObject({ limit: null, remaining: null })
      await reply.arrayBuffer()
    }
  })

  test('are not counted at 0', async () => {
    await using system = await startLimited(0)
    const victor = await callerOf(system, 'viewer')
    const reply = await victor('/users/me')
    expect(reply.status).toBe(200)
    expect(limitOf(reply)).toMatchObject({ limit: null, remaining: null })
  })
})

describe('calls of tRPC over HTTP', () => {
  type Answers = { result?: unknown; error?: { json: { data: unknown } } }[]

  test('count one each in a batch, and are all refused in one that is too much', async () => {
    await using system = await startLimited(5)
    const victor = await callerOf(system, 'viewer')
    const batch = (separator: string) =>
      victor(
        `/trpc/${['auth.me', 'auth.me', 'auth.me'].join(separator)}?batch=1&input=${encodeURIComponent('{}')}`,
      )
    const answered = await batch(',')
    expect(answered.status).toBe(200)
    expect(limitOf(answered)).toMatchObject({ limit: '5', remaining: '2' })
    // However the comma is written.
    const refused = await batch('%252C')
    expect(refused.status).toBe(429)
    const wait = Number(refused.headers.get('retry-after'))
    expect(limitOf(refused)).toMatchObject({ remaining: '0', reset: wait })
    const errors = ((await refused.json()) as Answers).map(({ error }) => ogentPart(error?.json.data))
    expect(errors).toHaveLength(3)
    for (const error of errors)
      expect(error).toMatchObject({ code: 'RATE_LIMITED', retry_after_seconds: wait })
  })

  test('are refused one by one, subscriptions and logins too', async () => {
    await using system = await startLimited(1)
    const victor = await callerOf(system, 'viewer')
    expect((await victor('/trpc/auth.me')).status).toBe(200)
    expect((await victor('/trpc/auth.me')).status).toBe(429)
    const reader = (await victor('/trpc/agents.events')).body?.getReader()
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('RATE_LIMITED')
    await reader?.cancel()
    // The address has made its one request, for the token.
    const login = await fetch(`${system.url}/trpc/auth.login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ json: { username: 'victor', password: 'viewer-pass-1' } }),
    })
    expect(login.status).toBe(429)
    expect(Number(login.headers.get('retry-after'))).toBeGreaterThan(0)
  })
})

describe('calls over a WebSocket', () => {
  /** What a call of the SDK's is refused with. */
  async function refusalOf(call: PromiseLike<unknown>): Promise<OgentError> {
    const error = await Promise.resolve(call).then(
      () => undefined,
      (cause: unknown) => cause,
    )
    if (!(error instanceof OgentError)) throw new Error('The call was answered.')
    return error
  }

  test('are refused with RATE_LIMITED and the time to wait, on the fast path and by tRPC', async () => {
    // Logins, the agent's too, are requests of this address.
    await using system = await startLimited(5, { agent: true })
    const olga = system.client('operator')
    for (let at = 0; at < 2; at++) {
      expect(await olga.execute({ agent_id: 'agent-1', command: 'echo hi' })).toMatchObject({
        stdout: 'hi\n',
      })
    }
    for (let at = 0; at < 3; at++) expect(await olga.me()).toMatchObject({ username: 'olga' })
    for (const call of [olga.me(), olga.execute({ agent_id: 'agent-1', command: 'true' })]) {
      const { code, retry_after_seconds: wait } = await refusalOf(call)
      expect(code).toBe('RATE_LIMITED')
      expect(wait).toBeGreaterThan(0)
      expect(wait).toBeLessThanOrEqual(60)
    }
    // Each account has its own.
    expect(await system.client('viewer').me()).toMatchObject({ username: 'victor' })
    // Over HTTP and over the socket it is one count.
    await expectRefused(await (await callerOf(system, 'operator'))('/users/me'))
  })

  test('count one each in a message, also before the login', async () => {
    await using system = await startLimited(2)
    const answers = async (token: string | undefined, ids: number[]) => {
      const socket = new WebSocket(`${system.url.replace('http', 'ws')}/trpc?connectionParams=1`)
      const replies: { id: number; error?: { json: { data: unknown } } }[] = []
      const all = new Promise<void>((resolve) => {
        socket.on('message', (data) => {
          replies.push(JSON.parse(String(data)))
          if (replies.length === ids.length) resolve()
        })
      })
      await once(socket, 'open')
      socket.send(JSON.stringify({ method: 'connectionParams', data: token === undefined ? {} : { token } }))
      const calls = ids.map((id) => ({ id, method: 'query', params: { path: 'auth.me' } }))
      for (const message of token === undefined ? calls : [calls]) socket.send(JSON.stringify(message))
      await all
      socket.terminate()
      replies.sort((a, b) => a.id - b.id)
      return replies.map(({ error }) => error && ogentPart(error.json.data)?.code)
    }
    const token = await system.token('viewer')
    expect(await answers(token, [1, 2, 3, 4])).toEqual([undefined, undefined, 'RATE_LIMITED', 'RATE_LIMITED'])
    // One request of this address was for the token.
    expect(await answers(undefined, [1, 2, 3])).toEqual(['UNAUTHORIZED', 'RATE_LIMITED', 'RATE_LIMITED'])
  })

  test('of an agent, its link and its reports, are not counted', async () => {
    await using system = await startLimited(4, { agent: true })
    const lines = Array.from({ length: 20 }, (_, at) => `${at}\n`)
    const command = 'for i in $(seq 0 19); do echo $i; sleep 0.02; done'
    const run = await system.client('operator').execute({ agent_id: 'agent-1', command })
    expect(run).toMatchObject({ status: 'success', stdout: lines.join('') })
    const agents = await callerOf(system, 'agent')
    expect(limitOf(await agents('/users/me'))).toMatchObject({ limit: '4', remaining: '3' })
  })
})
