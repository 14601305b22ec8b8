import { once } from 'node:events'
import { connect } from 'node:net'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createController } from '../../../src/server/app.js'
import { controllerSettings } from '../../../src/server/config.js'
import { OgentError } from '../../../src/shared/errors.js'
import { actor } from '../../support/actors.js'
import { temporaryFolder } from '../../support/folder.js'
import { rolePolicy } from '../../support/role-policy.js'
import { accounts, type System, startSystem } from '../../support/system.js'

const METRICS_TOKEN = 'a-token-of-metrics-of-32-characters'

let system: System
beforeAll(async () => {
  system = await startSystem({
    agent: false,
    controller: { METRICS_TOKEN, ALLOWED_HOSTS: ['127.0.0.1', 'ogent.example.com'] },
  })
}, 300_000)
afterAll(() => system[Symbol.asyncDispose]())

/** The status line of what is answered to this very text. */
async function raw(text: string): Promise<string> {
  const { hostname, port } = new URL(system.url)
  const socket = connect(Number(port), hostname)
  socket.write(text)
  const [data] = await once(socket, 'data')
  socket.destroy()
  return String(data).split('\r\n', 1)[0] ?? ''
}

describe('a request', () => {
  test.each([
    ['127.0.0.1:8001', '/', 200],
    ['ogent.example.com', '/', 200],
    ['OGENT.example.com:443', '/', 200],
    ['evil.example.com', '/', 403],
    ['evil.example.com', '/docs', 403],
    ['10.1.2.3', '/health', 200],
    ['10.1.2.3', '/ready', 200],
  ])(
    'to the host %s for %s is answered with %d when ALLOWED_HOSTS names others',
    async (host, path, status) => {
      expect(await raw(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).toContain(` ${status} `)
    },
  )

  test('is refused when it has two Host headers', async () => {
    expect(await raw('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil\r\n\r\n')).toContain(' 400 ')
  })

  test('for a WebSocket is refused when its host is not one of ALLOWED_HOSTS', async () => {
    const headers = { host: 'evil.example.com', origin: 'http://evil.example.com' }
    const socket = new WebSocket(`${system.url.replace('http', 'ws')}/trpc`, { headers })
    socket.on('error', () => {})
    const [, reply] = await once(socket, 'unexpected-response')
    expect(reply.statusCode).toBe(403)
  })

  test('over tRPC may contain a batch of 100 calls, and no more', async () => {
    const batch = async (calls: number) => {
      const names = Array.from({ length: calls }, () => 'commands.list').join(',')
      const reply = await system.fetch(`/trpc/${names}?batch=1&input=${encodeURIComponent('{}')}`, 'viewer')
      return { status: reply.status, answers: (await reply.json()) as unknown[] }
    }
    const most = await batch(100)
    expect(most.status).toBe(200)
    expect(most.answers).toHaveLength(100)
    const tooMany = await batch(101)
    expect(tooMany.status).toBe(400)
    expect(JSON.stringify(tooMany.answers)).toContain('a batch over HTTP 100')
  })
})

describe('an answer', () => {
  test('that needs a token is marked as not to be cached', async () => {
    for (const path of ['/agents', '/commands', '/users/me', '/commands/none', '/metrics', '/trpc/auth.me']) {
      const { headers } = await system.fetch(path, 'viewer')
      expect(headers.get('cache-control'), path).toBe('no-store')
    }
    expect((await system.fetch('/agents', undefined)).headers.get('cache-control')).toBe('no-store')
  })

  test('of /ready has the text of the store for those who may read commands, and a state for others', async () => {
    await using broken = await startSystem({ agent: false })
    // What a full disk, or a Redis that is away, would say.
    const journal = 'ERR at 10.0.0.7'
    const { registerRest } = await import('../../../src/server/transport/http/rest.js')
    const { default: Fastify } = await import('fastify')
    const app = Fastify()
    const authenticator = {
      identify: async (token?: string) =>
        token === undefined
          ? new OgentError('UNAUTHORIZED', 'Not authenticated')
          : {
              ...actor(token, token === 'agents' ? 'agent' : 'viewer'),
              expires_at: Date.now() + 60_000,
            },
    }
    const logged: object[] = []
    const log = { debug() {}, info() {}, error() {}, warn: (fields: object) => void logged.push(fields) }
    registerRest(app, {
      // The route asks for nothing else of them.
      services: { authenticator, log, policy: rolePolicy } as never,
      routes: [],
      ready: async () => ({ journal }),
      version: '0',
      metrics: async () => ({ type: '', text: '' }),
      metricsToken: undefined,
      know: () => {},
    })
    const ask = async (token?: string) => {
      const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
      return (await app.inject({ url: '/ready', headers })).json()
    }
    expect(await ask()).toEqual({ status: 'unavailable', dependencies: { journal: 'unavailable' } })
    expect(await ask('agents')).toEqual({ status: 'unavailable', dependencies: { journal: 'unavailable' } })
    expect(await ask('victor')).toEqual({ status: 'unavailable', dependencies: { journal } })
    // Once, however often it is asked.
    expect(logged).toEqual([{ dependencies: { journal } }])
    expect(await (await fetch(`${broken.url}/ready`)).json()).toMatchObject({ status: 'ready' })
  })
})

describe('the token of the metrics', () => {
  test('is refused at the start when it is shorter than 32 characters', () => {
    expect(() => controllerSettings({ METRICS_TOKEN: 'x'.repeat(31) })).toThrow(
      'METRICS_TOKEN: got a value that is not shown, takes 32 characters or more',
    )
    expect(controllerSettings({ METRICS_TOKEN }).METRICS_TOKEN).toBe(METRICS_TOKEN)
  })

  test('is refused when an address has guessed too often', async () => {
    const ask = (token: string) =>
      fetch(`${system.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
    expect((await ask(METRICS_TOKEN)).status).toBe(200)
    for (let at = 0; at < 50; at++) expect((await ask(`guess-${at}`)).status).toBe(401)
    const refused = await ask('guess-51')
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(200)
  })
})

test('ALLOWED_HOSTS accepts names without a port, and refuses others', () => {
  expect(controllerSettings({ ALLOWED_HOSTS: 'a.example.com, 10.0.0.1' }).ALLOWED_HOSTS).toHaveLength(2)
  expect(() => controllerSettings({ ALLOWED_HOSTS: 'a.example.com:80' })).toThrow(/^ALLOWED_HOSTS: got/)
})

test('a reset connection logs no error, for any number of its subscriptions', async () => {
  using folder = temporaryFolder()
  const lines: string[] = []
  const log = pino({ level: 'warn' }, { write: (line) => void lines.push(line) })
  const controller = await createController({
    settings: { PORT: 0, DATA_DIR: folder.path },
    users: [accounts.viewer],
    log,
  })
  const { username, password } = accounts.viewer
  const body = new URLSearchParams({ username, password })
  const reply = await fetch(`${controller.url}/token`, { method: 'POST', body })
  const { access_token } = (await reply.json()) as { access_token: string }
  const { hostname, port } = new URL(controller.url)
  const connection = connect(Number(port), hostname)
  const socket = new WebSocket(`${controller.url.replace('http', 'ws')}/trpc`, {
    headers: { authorization: `Bearer ${access_token}` },
    createConnection: () => connection,
  })
  socket.on('error', () => {})
  await once(socket, 'open')
  const watch = (id: number) => ({ id, method: 'subscription', params: { path: 'agents.events' } })
  let started = 0
  const all = new Promise<void>((resolve) => {
    socket.on('message', (data) => {
      if (String(data).includes('"started"')) started += 1
      if (started === 140) resolve()
    })
  })
  for (let id = 1; id <= 140; id++) socket.send(JSON.stringify(watch(id)))
  await all
  connection.resetAndDestroy()
  await expect.poll(async () => (await fetch(`${controller.url}/health`)).status).toBe(200)
  await controller.close()
  expect(lines.filter((line) => line.includes('"level":50'))).toEqual([])
})
