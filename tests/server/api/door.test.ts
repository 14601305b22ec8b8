import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { connectionsAtMost } from '../../../src/server/api/door.js'
import { SmallController } from '../../support/small-controller.js'

/** What connections may hold of a controller that may open few files, before anybody has logged in. */

let controller: SmallController
beforeAll(async () => {
  controller = await SmallController.start({ files: 600, heap: 128 })
}, 300_000)
afterAll(() => controller[Symbol.asyncDispose]())

/** Connections that say nothing. `from`: another address of this machine. */
async function silent(count: number, from = '127.0.0.1'): Promise<Socket[]> {
  const sockets = Array.from({ length: count }, () => {
    const socket = connect({ port: controller.port, host: '127.0.0.1', localAddress: from })
    socket.on('error', () => {})
    return socket
  })
  await Promise.all(sockets.map((socket) => Promise.race([once(socket, 'connect'), once(socket, 'close')])))
  return sockets
}

async function ask(text: string, from: string): Promise<string> {
  const [socket] = await silent(1, from)
  if (!socket) throw new Error('There is one.')
  socket.write(text)
  const [data] = await once(socket, 'data')
  socket.destroy()
  return String(data)
}

const HEALTH = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

describe('a controller of few files', () => {
  test('answers others when one address opens more silent connections than there are files', async () => {
    const flood = await silent(900, '127.0.0.9')
    expect(await ask(HEALTH, '127.0.0.1')).toMatch(/^HTTP\/1\.1 200 /)
    expect(await ask(HEALTH, '127.0.0.2')).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of flood) socket.destroy()
    expect(controller.running).toBe(true)
  }, 300_000)

  test('answers 503 when it has as many connections as it can, and goes on when they have gone', async () => {
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

  test('lets all in that come at once from one address and log in, and refuses none', async () => {
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

  test('answers at once from an address with many silent connections when somebody has logged in from there', async () => {
    const from = '127.0.0.7'
    const body = 'username=admin&password=admin-pass-of-small-controllers'
    const head = `POST /token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`
    expect(await ask(`${head}${body}`, from)).toMatch(/^HTTP\/1\.1 200 /)
    const flood = await silent(80, from)
    const asked = performance.now()
    expect(await ask(HEALTH, from)).toMatch(/^HTTP\/1\.1 200 /)
    // The first silent ones are ended after 10 s.
    expect(performance.now() - asked).toBeLessThan(9000)
    for (const socket of flood) socket.destroy()
  })

  test('cuts off a stranger whose body does not come within 10 s, and refuses a large one at once', async () => {
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
    expect(waited).toBeLessThan(30_000)
  }, 300_000)
})

test('a process keeps files for other things than connections', () => {
  const limits = (soft: string) =>
    `Limit  Soft Limit  Hard Limit  Units\nMax open files   ${soft}   4096   files\n`
  expect(connectionsAtMost(limits('65536'))).toBe(65_280)
  expect(connectionsAtMost(limits('600'))).toBe(344)
  expect(connectionsAtMost(limits('256'))).toBe(128)
  expect(connectionsAtMost(limits('unlimited'))).toBeUndefined()
  expect(connectionsAtMost(undefined)).toBeGreaterThan(0)
})
