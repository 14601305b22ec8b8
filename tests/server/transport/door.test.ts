import { once } from 'node:events'
import { connect, type Socket, type TcpNetConnectOpts } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connectionsAtMost } from '../../../src/server/transport/http/open-files.js'
import { SmallController } from '../../support/small-controller.js'

/** What connections may hold of a controller that may open few files, before anybody has logged in. */

let controller: SmallController
beforeAll(async () => {
  controller = await SmallController.start({ files: 600, heap: 128 })
}, 300_000)
afterAll(() => controller[Symbol.asyncDispose]())

const opened = new Set<Socket>()
afterEach(() => {
  for (const socket of opened) socket.destroy()
  opened.clear()
})

/** Connections that say nothing, or one text. `from`: another address of this machine. */
async function silent(
  count: number,
  from = '127.0.0.1',
  {
    to = controller,
    text = '',
    ...options
  }: { to?: SmallController; text?: string } & Partial<TcpNetConnectOpts> = {},
): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port: to.port, host: '127.0.0.1', localAddress: from, ...options })
    socket.on('error', () => {})
    opened.add(socket)
    if (text !== '') socket.write(text)
    return socket
  })
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
  return sockets
}

/** The beginning of the answer; where the connection ends without one, that. */
async function ask(text: string, from: string, to = controller): Promise<string> {
  const [socket] = await silent(1, from, { to, text })
  if (!socket) throw new Error('There is one.')
  const data = await new Promise((resolve) => {
    socket.once('data', resolve)
    socket.once('close', () => resolve('ended without an answer'))
  })
  socket.destroy()
  return String(data)
}

function post(path: string, type: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

const HEALTH = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'
const LOGIN = post(
  '/token',
  'application/x-www-form-urlencoded',
  'username=admin&password=admin-pass-of-small-controllers',
)

describe('a controller with few files', () => {
  test('answers others when one address opens more silent connections than there are files', async () => {
    const flood = await silent(900, '127.0.0.9')
    expect(await ask(HEALTH, '127.0.0.1')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(HEALTH, '127.0.0.2')).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of flood) socket.destroy()
    expect(controller.running).toBe(true)
  }, 300_000)

  test('answers other addresses when one from which a user has logged in opens more silent connections than there are files', async () => {
    expect(await ask(LOGIN, '127.0.0.8')).toMatch(/^HTTP\/1\.1 200 /)
    const flood = await silent(900, '127.0.0.8')
    expect(await ask(HEALTH, '127.0.0.77')).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of flood) socket.destroy()
  }, 300_000)

  test('answers 503 when it has as many connections as it can, and recovers when they have closed', async () => {
    const floods = await Promise.all(Array.from({ length: 30 }, (_, at) => silent(49, `127.0.1.${at + 1}`)))
    const said: string[] = []
    while (!said.some((text) => text.startsWith('HTTP/1.1 503 '))) {
      const [socket] = await silent(1, '127.0.2.1')
      socket?.write(HEALTH)
      const answer = socket && once(socket, 'data').then(([data]) => String(data), String)
      said.push((await Promise.race([answer, socket && once(socket, 'close').then(() => '')])) ?? '')
      socket?.destroy()
    }
    expect(said.find((text) => text.startsWith('HTTP/1.1 503 '))).toContain('"code":"UNAVAILABLE"')
    for (const socket of floods.flat()) socket.destroy()
    while (true) {
      const answer = await ask(HEALTH, '127.0.2.1').catch(String)
      if (answer.startsWith('HTTP/1.1 200 ')) break
    }
    expect(controller.running).toBe(true)
  }, 300_000)

  test('accepts all that come at once from one address and log in', async () => {
    const statuses = await Promise.all(
      Array.from({ length: 130 }, async () => {
        const body = new URLSearchParams({ username: 'admin', password: 'admin-pass-of-small-controllers' })
        const reply = await fetch(`${controller.url}/token`, { method: 'POST', body })
        await reply.arrayBuffer()
        return reply.status
      }),
    )
    expect(new Set(statuses)).toEqual(new Set([200]))
  }, 300_000)

  test('answers at once from an address with many silent connections when a user has logged in from there', async () => {
    const from = '127.0.0.7'
    expect(await ask(LOGIN, from)).toMatch(/^HTTP\/1\.1 200 /)
    const flood = await silent(80, from)
    expect(await ask(HEALTH, from)).toMatch(/^HTTP\/1\.1 200 /)
    // The first silent ones are ended after 10 s: it did not wait for a place of theirs.
    expect(flood.filter(({ closed }) => closed)).toEqual([])
    for (const socket of flood) socket.destroy()
  })

  test('closes the connection of a stranger whose body does not come within 10 s, and refuses a large one at once', async () => {
    const head = (length: number) =>
      `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${length}\r\n\r\n`
    expect(await ask(head(5000), '127.0.0.1')).toMatch(/^HTTP\/1\.1 413 /)
    const trpc = 'POST /trpc/auth.login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    expect(await ask(`${trpc}Content-Length: 10000\r\n\r\n`, '127.0.0.1')).toMatch(/^HTTP\/1\.1 413 /)
    expect(await ask(`${trpc}Transfer-Encoding: chunked\r\n\r\n`, '127.0.0.1')).toMatch(/^HTTP\/1\.1 413 /)
    const [slow] = await silent(1)
    slow?.write(`${head(100)}username=`)
    const began = performance.now()
    if (slow) await once(slow, 'close')
    const waited = performance.now() - began
    expect(waited).toBeGreaterThan(9000)
  }, 300_000)
})

describe('a controller with many files', () => {
  let roomy: SmallController
  beforeAll(async () => {
    roomy = await SmallController.start({ heap: 160 })
  }, 300_000)
  afterAll(() => roomy[Symbol.asyncDispose]())

  test('serves other addresses, and logs in many agents, when an address from which a user has logged in opens 1,100 silent connections', async () => {
    expect(await ask(LOGIN, '127.0.0.8', roomy)).toMatch(/^HTTP\/1\.1 200 /)
    const flood = await silent(1100, '127.0.0.8', { to: roomy })
    const ended = () => flood.filter(({ closed }) => closed).length
    const before = ended()
    expect(await ask(HEALTH, '127.0.0.77', roomy)).toMatch(/^HTTP\/1\.1 200 /)
    // The first silent ones are ended after 10 s: it did not wait for a place of theirs.
    expect(ended()).toBe(before)
    const fleet = await Promise.all(Array.from({ length: 300 }, () => ask(LOGIN, '127.0.0.78', roomy)))
    expect(new Set(fleet.map((answer) => answer.slice(0, 12)))).toEqual(new Set(['HTTP/1.1 200']))
    for (const socket of flood) socket.destroy()
  }, 300_000)

  // Each takes all places of an address, and leaves none free by itself.
  test.each([
    { what: 'says nothing', text: '' },
    { what: 'sends half a request', text: 'GET / HTTP/1.1\r\nHost: x\r\n' },
    { what: 'sends what is no HTTP', text: 'no HTTP\r\n\r\n' },
    { what: 'asks for an answer after which it is to be closed', text: HEALTH },
    { what: 'asks for a path that is no WebSocket as one', text: upgradeOf('/health') },
    { what: 'asks for a path that is not there as a WebSocket', text: upgradeOf('/nothing') },
    { what: 'opens a WebSocket', text: upgradeOf('/trpc') },
    { what: 'does not read long answers', text: 'GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(100) },
  ])(
    'gives the place of a stranger to the next one when it $what and never closes',
    async ({ text }) => {
      const from = `127.0.3.${places++}`
      const held = await silent(50, from, { to: roomy, text, allowHalfOpen: true })
      for (const socket of held) socket.pause()
      // What waits longer than 30 s is ended without an answer.
      expect(await ask(HEALTH, from, roomy)).toMatch(/^HTTP\/1\.1 200 /)
    },
    300_000,
  )
})

let places = 1

function upgradeOf(path: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`
}

test('a process reserves files for other things than connections', () => {
  const limits = (soft: string) =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files   ${soft}   4096   files\n`
  expect(connectionsAtMost(limits('65536'))).toBe(65_280)
  expect(connectionsAtMost(limits('600'))).toBe(344)
  expect(connectionsAtMost(limits('256'))).toBe(128)
  expect(connectionsAtMost(limits('unlimited'))).toBeUndefined()
  expect(connectionsAtMost(undefined)).toBeGreaterThan(0)
})
