import { on, once } from 'node:events'
import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createAgent } from '../../../src/agent/app.js'
import { ScryptPasswords } from '../../../src/server/access/passwords.js'
import { createController } from '../../../src/server/app.js'
import { controllerSettings } from '../../../src/server/config.js'
import { ogentPart } from '../../../src/shared/errors.js'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { accounts, type System, silent, startSystem } from '../../support/system.js'

const PAGE = 'https://app.example.com'

let system: System
beforeAll(async () => {
  system = await startSystem({ controller: { CORS_ORIGINS: [PAGE] } })
})
afterAll(() => system[Symbol.asyncDispose]())

describe('the controller, to protect browsers,', () => {
  test('sends the headers that keep an answer data with every answer, errors too', async () => {
    for (const path of ['/', '/agents', '/nowhere', '/trpc/agents.list']) {
      const { headers } = await fetch(`${system.url}${path}`)
      expect(headers.get('content-security-policy'), path).toContain("default-src 'none'")
      expect(headers.get('x-content-type-options'), path).toBe('nosniff')
      expect(headers.get('x-frame-options'), path).toBe('DENY')
      expect(headers.get('referrer-policy'), path).toBe('no-referrer')
      expect(headers.get('x-powered-by'), path).toBeNull()
      // Plain HTTP promises no TLS.
      expect(headers.get('strict-transport-security'), path).toBeNull()
    }
  })

  test('admits pages of other origins by CORS_ORIGINS alone', async () => {
    const preflight = async (url: string, origin: string) => {
      const headers = { origin, 'access-control-request-method': 'POST' }
      const reply = await fetch(`${url}/token`, { method: 'OPTIONS', headers })
      return reply.headers.get('access-control-allow-origin')
    }
    expect(await preflight(system.url, PAGE)).toBe(PAGE)
    expect(await preflight(system.url, 'https://evil.example.com')).toBeNull()
    await using closed = await startSystem({ agent: false })
    expect(await preflight(closed.url, PAGE)).toBeNull()
  })

  test('lets a page of CORS_ORIGINS read each header that completes a status', async () => {
    const { headers } = await fetch(`${system.url}/agents`, { headers: { origin: PAGE } })
    const exposed = headers.get('access-control-expose-headers')?.split(', ')
    expect(exposed?.sort()).toEqual(
      [
        'Allow',
        'Link',
        'Location',
        'Ogent-Version',
        'Preference-Applied',
        'RateLimit-Limit',
        'RateLimit-Remaining',
        'RateLimit-Reset',
        'Request-Id',
        'Retry-After',
        'WWW-Authenticate',
      ].sort(),
    )
  })

  test('refuses an origin with a path or without a scheme at the start', () => {
    for (const origin of ['app.example.com', 'https://app.example.com/', '*', 'null']) {
      expect(() => controllerSettings({ CORS_ORIGINS: origin })).toThrow(/^CORS_ORIGINS: got .*takes origins/)
    }
  })
})

describe('a WebSocket', () => {
  /** The status of a refused upgrade; 101 for one that was taken. */
  async function upgrade(url: string, origin: string | undefined): Promise<number | undefined> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc`, origin === undefined ? {} : { origin })
    const refused = once(socket, 'unexpected-response').then(([, reply]) => reply.statusCode as number)
    socket.on('error', () => {})
    const status = await Promise.race([once(socket, 'open').then(() => 101), refused])
    socket.terminate()
    return status
  }

  test('is accepted from programs, from pages of this controller and from those of CORS_ORIGINS, and from no others', async () => {
    expect(await upgrade(system.url, undefined)).toBe(101)
    expect(await upgrade(system.url, system.url)).toBe(101)
    expect(await upgrade(system.url, PAGE)).toBe(101)
    for (const origin of ['https://evil.example.com', 'null', `${PAGE}.evil.com`, 'http://127.0.0.1:1']) {
      expect(await upgrade(system.url, origin), origin).toBe(403)
    }
  })

  test('in excess of the limit of its user is closed with the reason; another user is not affected', async () => {
    await using narrow = await startSystem({ agent: false, controller: { MAX_CONNECTIONS_PER_USER: 2 } })
    const held = [narrow.client('viewer'), narrow.client('viewer')]
    for (const client of held) await client.me()
    const third = narrow.client('viewer')
    await expect(third.me()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await expect(narrow.client('operator').me()).resolves.toMatchObject({ username: 'olga' })
    await held[0]?.close()
    await until('there is room again', () =>
      third.me().then(
        () => true,
        () => false,
      ),
    )
  })

  test.each(['text', 'binary'])(
    'with %s frames refuses more calls in a frame than it may have, and continues',
    async (frames) => {
      const socket = new WebSocket(`${system.url.replace('http', 'ws')}/trpc?connectionParams=1`)
      await once(socket, 'open')
      const data = { token: await system.token('operator'), frames }
      socket.send(JSON.stringify({ method: 'connectionParams', data }))
      const ask = async (frame: string, id: number | null) => {
        const replies = on(socket, 'message')
        socket.send(frame)
        for await (const [data] of replies) {
          const reply = JSON.parse(String(data))
          if (reply.id === id) return reply
        }
      }
      const call = { id: 1, method: 'query', params: { path: 'auth.me' } }
      const input = { json: { command_id: 'unknown' } }
      const live = { id: 2, method: 'subscription', params: { path: 'commands.follow', input } }
      const many = JSON.stringify(Array.from({ length: 1001 }, () => live))
      const { error } = await ask(many, 2)
      expect(error).toMatchObject({ json: { data: { httpStatus: 400 } } })
      expect(error.json.message).toContain('holds 1000 calls at most')
      expect(await ask(JSON.stringify(call), 1)).toMatchObject({ result: { type: 'data' } })
      socket.close()
    },
  )
})

test('a user may have a limited number of subscriptions, counted over all transports', async () => {
  await using narrow = await startSystem({ controller: { MAX_SUBSCRIPTIONS_PER_USER: 2 } })
  const ogent = narrow.client()
  const run = ogent.execute({ agent_id: 'agent-1', command: 'sleep 60', command_id: 'long' })
  for await (const event of run) if (event.type === 'command_progress') break
  const events = () => narrow.fetch('/commands/long/events', 'operator')
  const first = await events()
  expect(first.status).toBe(200)
  const refused = await events()
  expect(refused.status).toBe(429)
  expect(await refused.json()).toMatchObject({
    code: 'RATE_LIMITED',
    detail: expect.stringContaining('olga has 2'),
  })
  await expect(ogent.execute({ agent_id: 'agent-1', command: 'true' })).rejects.toMatchObject({
    code: 'RATE_LIMITED',
  })
  await first.body?.cancel()
  await until('a place is free again', async () => {
    const again = await events()
    await again.body?.cancel()
    return again.status === 200
  })
  await ogent.commands.cancel('long')
  await run
})

describe('the variables of a command', () => {
  const names = [
    'LD_PRELOAD',
    'LD_LIBRARY_PATH',
    'LD_AUDIT',
    'DYLD_INSERT_LIBRARIES',
    'NODE_OPTIONS',
    'BASH_ENV',
    'ENV',
  ]

  test.each(names)('may not contain %s, which makes programs load other code', async (name) => {
    const reply = await system.fetch('/agents/agent-1/execute', 'operator', {
      method: 'POST',
      body: JSON.stringify({ command: 'true', env: { [name]: '/tmp/x' } }),
    })
    expect(reply.status).toBe(422)
    const msg = 'is not taken: it makes programs load other code'
    expect(await reply.json()).toMatchObject({ detail: [{ loc: ['body', 'env', name], msg }] })
    const run = system.client().execute({ agent_id: 'agent-1', command: 'true', env: { [name]: '/tmp/x' } })
    await expect(run).rejects.toMatchObject({ code: 'VALIDATION_FAILED', message: `env.${name}: ${msg}` })
  })

  test('may contain others with similar names', async () => {
    const env = { OLD_PATH: 'a', ENVIRONMENT: 'b', LDFLAGS: 'c', MY_NODE_OPTIONS: 'd' }
    const command = 'echo $OLD_PATH$ENVIRONMENT$LDFLAGS$MY_NODE_OPTIONS'
    expect(await system.client().execute({ agent_id: 'agent-1', command, env })).toMatchObject({
      stdout: 'abcd\n',
    })
  })
})

describe('a wrong password', () => {
  const login = (url: string, username: string, password: string, headers = {}) =>
    fetch(`${url}/token`, { method: 'POST', headers, body: new URLSearchParams({ username, password }) })

  test('leads to 429 with the time to wait after some attempts, for the right one too, and over tRPC as well', async () => {
    await using guarded = await startSystem({ agent: false, controller: { TRUSTED_PROXIES: ['127.0.0.1'] } })
    const from = (address: string) => ({ 'x-forwarded-for': address })
    const { username, password } = accounts.viewer
    // Who came in before from his place is not locked out by others elsewhere.
    expect((await login(guarded.url, username, password, from('10.0.0.1'))).status).toBe(200)
    const guesses = Array.from({ length: 30 }, (_, at) =>
      login(guarded.url, username, `guess-${at}`, from('10.0.0.9')),
    )
    const statuses = (await Promise.all(guesses)).map(({ status }) => status)
    // Guesses that come all at once are not more than those that come in turn, but for those under way.
    expect(statuses.filter((status) => status === 401).length).toBeLessThanOrEqual(13)
    expect(statuses.filter((status) => status === 429).length).toBeGreaterThanOrEqual(17)
    const refused = await login(guarded.url, username, password, from('10.0.0.9'))
    expect(refused.status).toBe(429)
    const wait = Number(refused.headers.get('retry-after'))
    expect(wait).toBeGreaterThan(200)
    expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED', retry_after_seconds: wait })
    const byTrpc = await fetch(`${guarded.url}/trpc/auth.login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...from('10.0.0.9') },
      body: JSON.stringify({ json: { username, password } }),
    })
    expect(byTrpc.status).toBe(429)
    const told = ((await byTrpc.json()) as { error: { json: { data: unknown } } }).error.json.data
    expect(ogentPart(told)?.retry_after_seconds).toBeGreaterThan(200)
    expect((await login(guarded.url, username, password, from('10.0.0.1'))).status).toBe(200)
    expect((await login(guarded.url, 'olga', accounts.operator.password, from('10.0.0.9'))).status).toBe(200)
    await expect(guarded.client('viewer').me()).resolves.toMatchObject({ username })
  })

  test('for an unknown name takes as much work as for a known one', async () => {
    const passwords = new ScryptPasswords()
    const { hashPassword } = await import('../../../src/server/access/passwords.js')
    const hash = await hashPassword('right')
    const times = { known: 0, unknown: 0 }
    const measure = async (kind: keyof typeof times, held: string | undefined) => {
      const began = process.cpuUsage()
      expect(await passwords.verify('wrong', held)).toBe(false)
      const { user, system } = process.cpuUsage(began)
      times[kind] += user + system
    }
    await measure('unknown', undefined)
    times.unknown = 0
    for (let round = 0; round < 5; round++) {
      await measure('known', hash)
      await measure('unknown', undefined)
    }
    // An answer without the work would come a thousand times sooner.
    expect(times.unknown / times.known).toBeGreaterThan(0.3)
    expect(times.unknown / times.known).toBeLessThan(3)
  })
})

test('a proxy is trusted only when it is one of TRUSTED_PROXIES', () => {
  expect(controllerSettings({ TRUSTED_PROXIES: '10.0.0.0/8, ::1' }).TRUSTED_PROXIES).toEqual([
    '10.0.0.0/8',
    '::1',
  ])
  expect(() => controllerSettings({ TRUSTED_PROXIES: 'anybody' })).toThrow(/takes IP addresses and networks/)
})

test('a client that sends its headers a byte at a time is cut off, and one that waits long for an answer is not', async () => {
  const waiting = system.fetch('/agents/agent-1/execute', 'operator', {
    method: 'POST',
    body: JSON.stringify({ command: 'sleep 14; echo done' }),
  })
  const { hostname, port } = new URL(system.url)
  const slow = connect(Number(port), hostname)
  slow.on('error', () => {})
  slow.write('GET /health HTTP/1.1\r\nHost: x\r\n')
  const drip = setInterval(() => slow.write('X-A: b\r\n'), 500)
  const said = once(slow, 'data').then(([data]) => String(data))
  await once(slow, 'close')
  clearInterval(drip)
  expect(await said).toMatch(/^HTTP\/1\.1 408 /)
  expect(await (await waiting).json()).toMatchObject({ status: 'success', result: { stdout: 'done\n' } })
})

test.each([
  { title: 'even when the folders were open before', mode: 0o755, stayOpen: false },
  { title: 'also in a folder that stays open to all users', mode: 0o1777, stayOpen: true },
])('files on disk are for their own user alone, $title', async ({ mode, stayOpen }) => {
  using folder = temporaryFolder()
  const dataDir = join(folder.path, 'data')
  const stateDir = join(folder.path, 'state')
  for (const path of [dataDir, stateDir]) {
    mkdirSync(path)
    chmodSync(path, mode)
  }
  const umask = process.umask(0)
  const controller = await createController({
    settings: { PORT: 0, DATA_DIR: dataDir, OPENAI_API_KEY: undefined },
    users: [accounts.agent, accounts.operator],
    log: silent,
  })
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: controller.url,
      AGENT_USERNAME: accounts.agent.username,
      AGENT_PASSWORD: accounts.agent.password,
      AGENT_STATE_DIR: stateDir,
    },
    log: silent,
  })
  try {
    await agent.registered
    const open = [dataDir, stateDir].flatMap(openPaths)
    expect(open).toEqual(stayOpen ? [dataDir, stateDir] : [])
    expect(readdirSync(dataDir).length).toBeGreaterThan(2)
  } finally {
    process.umask(umask)
    await agent.stop()
    await controller.close()
  }
})

/** Paths that others than their owner may read, write or enter. */
function openPaths(root: string): string[] {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return ['.', ...names].map((name) => join(root, name)).filter((path) => (statSync(path).mode & 0o077) !== 0)
}

test('an agent that runs as root logs a warning', async () => {
  using folder = temporaryFolder()
  const warned: string[] = []
  const log = {
    ...silent,
    debug() {},
    info() {},
    error() {},
    warn: (_: object, said: string) => void warned.push(said),
  }
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: 'http://127.0.0.1:9',
      AGENT_USERNAME: 'a',
      AGENT_PASSWORD: 'b',
      AGENT_STATE_DIR: folder.path,
    },
    log,
  })
  await agent.stop()
  expect(warned.some((said) => said.includes('runs as root'))).toBe(process.getuid?.() === 0)
})
