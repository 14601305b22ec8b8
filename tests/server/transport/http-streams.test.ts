import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type System, startSystem } from '../../support/system.js'

/** HTTP replies that last: what proxies and clients need to hear of them before there is anything to tell. */

let system: System
let token: string
beforeAll(async () => {
  system = await startSystem()
  token = await system.token('operator')
  await start('quiet', 'sleep 300')
}, 300_000)
afterAll(() => system[Symbol.asyncDispose]())

async function start(command_id: string, command: string): Promise<void> {
  await system.fetch('/agents/agent-1/execute', 'operator', {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ command, command_id }),
  })
}

async function ask(path: string, method = 'GET', body?: string): Promise<IncomingMessage> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const sent = request(`${system.url}${path}`, { method, headers, agent: false })
  sent.on('error', () => {})
  sent.end(body)
  const [reply] = await once(sent, 'response')
  reply.on('error', () => {})
  return reply
}

async function followers(): Promise<number> {
  const text = await (await system.fetch('/metrics', 'operator')).text()
  return Number(text.match(/^ogent_followers (\d+)$/m)?.[1])
}

test.each([
  ['output', 'application/octet-stream'],
  ['events', 'text/event-stream; charset=utf-8'],
  ['recording.cast', 'application/x-asciicast'],
])(
  'the headers of %s are sent at once when the command is quiet, and tell proxies not to buffer',
  async (view, type) => {
    const reply = await ask(`/commands/quiet/${view}`)
    expect(reply.statusCode).toBe(200)
    expect(reply.headers['content-type']).toBe(type)
    expect(reply.headers['x-accel-buffering']).toBe('no')
    expect(reply.headers['cache-control']).toBe('no-store')
    reply.destroy()
  },
)

test('HEAD is answered at once and leaves no follower behind when the command keeps running', async () => {
  for (let count = 0; count < 10; count++) {
    for (const view of ['output', 'events', 'recording.cast']) {
      const reply = await ask(`/commands/quiet/${view}`, 'HEAD')
      expect(reply.statusCode).toBe(200)
      expect(reply.headers['x-accel-buffering']).toBe('no')
      reply.resume()
      await once(reply, 'end')
    }
  }
  await expect.poll(followers, { timeout: 30_000 }).toBe(0)
})

test('a waiting execute sends its headers and a blank before the result when the command takes long', async () => {
  const body = JSON.stringify({ command: 'sleep 7; echo done', command_id: 'long' })
  const asked = performance.now()
  const reply = await ask('/agents/agent-1/execute', 'POST', body)
  let text = ''
  reply.setEncoding('utf8')
  const [first] = await once(reply, 'data')
  expect(first).toBe(' ')
  expect(performance.now() - asked).toBeLessThan(60_000)
  expect(reply.statusCode).toBe(200)
  expect(reply.headers).toMatchObject({
    'content-location': '/commands/long',
    'content-type': 'application/json; charset=utf-8',
    'x-accel-buffering': 'no',
  })
  for await (const chunk of reply) text += chunk
  expect(JSON.parse(first + text)).toMatchObject({ status: 'success', result: { stdout: 'done\n' } })
})

test('a quick execute is answered with the result, and says where its command is', async () => {
  const reply = await ask('/agents/agent-1/execute', 'POST', '{"command":"echo hi","command_id":"short"}')
  expect(reply.headers['content-location']).toBe('/commands/short')
  let text = ''
  for await (const chunk of reply) text += chunk
  expect(text.startsWith('{')).toBe(true)
  expect(JSON.parse(text)).toMatchObject({ result: { stdout: 'hi\n' } })
})
