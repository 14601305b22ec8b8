import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { createAgent } from '../../../src/agent/app.js'
import { createOgentClient } from '../../../src/client/client.js'
import { temporaryFolder } from '../../support/folder.js'
import { SmallController } from '../../support/small-controller.js'
import { silent } from '../../support/system.js'

/** What one socket may make the controller hold, each bound driven against a controller with little memory. */

let controller: SmallController
beforeAll(async () => {
  // The bounds on requests in a minute would be met before those that are tested.
  controller = await SmallController.start({ heap: 160, env: { MAX_REQUESTS_PER_MINUTE: '0' } })
}, 300_000)
afterAll(() => controller[Symbol.asyncDispose]())

const password = 'admin-pass-of-small-controllers'

async function open(url: string, token?: string): Promise<WebSocket> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/trpc?connectionParams=1`)
  socket.on('error', () => {})
  await once(socket, 'open')
  socket.send(JSON.stringify({ method: 'connectionParams', data: token ? { token } : {} }))
  return socket
}

const call = (id: number, path: string, json?: unknown) => ({
  id,
  method: 'query',
  params: { path, ...(json === undefined ? {} : { input: { json } }) },
})

describe('a stranger', () => {
  test('is closed with 4413 when a message is larger than 8 KiB', async () => {
    const socket = await open(controller.url)
    socket.send(JSON.stringify(call(1, `x${'y'.repeat(9000)}`)))
    const [code] = await once(socket, 'close')
    expect(code).toBe(4413)
  })

  test('is closed with 4413 when a message larger than 8 KiB never ends', async () => {
    const { hostname, port } = new URL(controller.url)
    const raw = connect(Number(port), hostname)
    raw.on('error', () => {})
    raw.write(
      'GET /trpc HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
    )
    await once(raw, 'data')
    // A text frame of 4 MB, of which half comes.
    const header = Buffer.from([0x81, 0xff, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0])
    raw.write(Buffer.concat([header, Buffer.alloc(2 * 1024 * 1024, 'a')]))
    const [data] = await once(raw, 'data')
    expect((data as Buffer).readUInt16BE(2)).toBe(4413)
    // By a reset, since what was sent is left unread.
    if (!raw.closed) await new Promise((resolve) => raw.once('close', resolve))
  })

  test('is answered and closed with 4401 when a message holds two calls', async () => {
    const socket = await open(controller.url)
    const replies: string[] = []
    socket.on('message', (data) => replies.push(String(data)))
    socket.send(JSON.stringify([call(1, 'auth.me'), call(2, 'x'.repeat(1900))]))
    const [code] = await once(socket, 'close')
    expect(code).toBe(4401)
    expect(replies).toHaveLength(2)
    expect(replies.find((reply) => reply.includes('"id":1'))).toContain('UNAUTHORIZED')
    // The path is repeated, but not all of it.
    expect(replies.find((reply) => reply.includes('"id":2'))?.length).toBeLessThan(1000)
  })

  // Beside the test after it, which takes as long.
  test.concurrent('is closed with 4401 when it has not logged in after 10 s', async () => {
    const began = performance.now()
    const socket = await open(controller.url)
    const [code] = await once(socket, 'close')
    expect(code).toBe(4401)
    expect(performance.now() - began).toBeGreaterThan(9000)
  })

  test.concurrent('does not fill memory with sockets that do not read', async () => {
    const frame = JSON.stringify(Array.from({ length: 2000 }, (_, id) => call(id, 'x'.repeat(1900))))
    const flood = async () => {
      for (let round = 0; round < 2; round++) {
        const socket = await open(controller.url)
        socket.pause()
        for (let count = 0; count < 20; count++) socket.send(frame)
        await once(socket, 'close')
      }
    }
    await Promise.all(Array.from({ length: 6 }, flood))
    await controller.health()
    expect(controller.running, controller.ending).toBe(true)
  }, 300_000)
})

const manyCalls = JSON.stringify(
  Array.from({ length: 900 }, (_, id) => call(id, 'commands.list', { limit: 200 })),
)

function startAgent(stateFolder: string) {
  return createAgent({
    settings: {
      CONTROLLER_URL: controller.url,
      AGENT_USERNAME: 'admin',
      AGENT_PASSWORD: password,
      AGENT_ID: 'a1',
      AGENT_STATE_DIR: stateFolder,
    },
    log: silent,
  })
}

describe('a user', () => {
  test('does not fill memory by requesting more than is read, and is closed then', async () => {
    using folder = temporaryFolder()
    const agent = await startAgent(folder.path)
    const ogent = createOgentClient({ url: controller.url, username: 'admin', password })
    try {
      await agent.registered
      // Sixteen lists of them are more than the heap, if their rows hold the whole texts.
      const text = `: ${'x'.repeat(130_000)}`
      await Promise.all(
        Array.from({ length: 120 }, () => ogent.commands.start({ agent_id: 'a1', command: text })),
      )
      // A row has the beginning of a long text.
      const page = await ogent.commands.list({ limit: 2 })
      expect(page.commands[0]?.command).toBe(`${text.slice(0, 1024)}…`)
      const token = await controller.token()
      const sockets = await Promise.all(Array.from({ length: 4 }, () => open(controller.url, token)))
      for (const socket of sockets) {
        socket.pause()
        for (let count = 0; count < 9; count++) socket.send(manyCalls)
      }
      for (let count = 0; count < 10; count++) await controller.health()
      // Two that read: the agent's and the client's.
      while ((await socketsOpen(token)) > 2) await setTimeout(500)
      for (const socket of sockets) socket.terminate()
      // The others go on.
      expect(await ogent.me(), controller.ending).toMatchObject({ username: 'admin' })
    } finally {
      await ogent.close()
      await agent.stop({ drainMs: 0 })
    }
  }, 300_000)

  test('does not fill memory with many sockets with many calls each', async () => {
    const token = await controller.token()
    // All the calls at once would be twice the heap.
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(controller.url, token)))
    for (const socket of sockets) {
      socket.pause()
      socket.send(manyCalls)
    }
    for (let count = 0; count < 20; count++) await controller.health()
    for (const socket of sockets) socket.terminate()
    while ((await socketsOpen(token)) > 0) await setTimeout(100)
  }, 300_000)

  test('does not fill memory with batches over HTTP, whose later calls are refused', async () => {
    const token = await controller.token()
    const input = JSON.stringify(
      Object.fromEntries(Array.from({ length: 100 }, (_, at) => [at, { json: { limit: 200 } }])),
    )
    const names = Array.from({ length: 100 }, () => 'commands.list').join(',')
    const batch = async () => {
      const path = `/trpc/${names}?batch=1&input=${encodeURIComponent(input)}`
      const reply = await controller.fetch(path, { headers: { authorization: `Bearer ${token}` } })
      return (await reply.json()) as { error?: { json: { data: { ogent: { code: string } } } } }[]
    }
    for (const answers of await Promise.all(Array.from({ length: 8 }, batch))) {
      const codes = answers.map(({ error }) => error?.json.data.ogent.code ?? 'answered')
      expect(codes[0]).toBe('answered')
      expect(new Set(codes)).toEqual(new Set(['answered', 'PAYLOAD_TOO_LARGE']))
    }
    expect(controller.running, controller.ending).toBe(true)
  }, 300_000)

  test('does not fill memory with large results that are requested again and again, and not read', async () => {
    using folder = temporaryFolder()
    const agent = await startAgent(folder.path)
    const ogent = createOgentClient({ url: controller.url, username: 'admin', password })
    await agent.registered
    // Each of these bytes takes six characters of JSON.
    const command = 'head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2'
    await ogent.execute({ agent_id: 'a1', command, command_id: 'large' })
    await agent.stop({ drainMs: 0 })
    await ogent.close()
    const token = await controller.token()
    const body = JSON.stringify({ command })
    const head = `HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n`
    const requests = [
      `GET /commands/large ${head}\r\n`,
      `GET /commands/large/events ${head}\r\n`,
      `POST /agents/a1/execute ${head}Idempotency-Key: large\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    ]
    const { hostname, port } = new URL(controller.url)
    const sockets = Array.from({ length: 60 }, (_, at) => {
      const socket = connect(Number(port), hostname).on('error', () => {})
      socket.write(requests[at % requests.length] ?? '')
      return socket.pause()
    })
    for (let count = 0; count < 20; count++) await controller.health()
    for (const socket of sockets) socket.destroy()
    await controller.health()
  }, 300_000)

  test('gets every answer when there are more calls than may run at once and all are read', async () => {
    const ogent = createOgentClient({ url: controller.url, username: 'admin', password })
    const answers = await Promise.all(Array.from({ length: 300 }, () => ogent.commands.list({ limit: 1 })))
    expect(answers).toHaveLength(300)
    await ogent.close()
  })
})

async function socketsOpen(token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` }
  const text = await (await controller.fetch('/metrics', { headers })).text()
  return Number(text.match(/^ogent_websockets (\d+)$/m)?.[1])
}
