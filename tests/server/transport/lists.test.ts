import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { brotliDecompressSync, gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type System, startSystem } from '../../support/system.js'

let system: System
let token: string
beforeAll(async () => {
  system = await startSystem()
  const names = Array.from({ length: 60 }, (_, at) => [`name-${at}`, 'value'])
  await system.addAgent('agent-2', { AGENT_LABELS: Object.fromEntries(names) })
  token = await system.token('operator')
  await system.client().execute({ agent_id: 'agent-1', command: `true # ${'x'.repeat(1000)}` })
})
afterAll(() => system[Symbol.asyncDispose]())

/** As the bytes come: `fetch` would undo the encoding by itself. */
async function get(path: string, headers: Record<string, string> = {}, method = 'GET') {
  const asked = request(`${system.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...headers },
  })
  asked.end()
  const [reply] = (await once(asked, 'response')) as [IncomingMessage]
  const body = Buffer.concat(await reply.toArray())
  return { status: reply.statusCode, headers: reply.headers, body }
}

describe.each(['/agents', '/commands'])('the list %s', (path) => {
  test('is plain when no encoding is asked for', async () => {
    const { headers, body } = await get(path)
    expect(headers['content-encoding']).toBeUndefined()
    expect(Number(headers['content-length'])).toBe(body.length)
    expect(() => JSON.parse(body.toString())).not.toThrow()
  })

  test.each([
    ['gzip', gunzipSync],
    ['br', brotliDecompressSync],
  ] as const)('is the same in %s', async (encoding, decode) => {
    const plain = await get(path)
    const { headers, body } = await get(path, { 'accept-encoding': encoding })
    expect(headers['content-encoding']).toBe(encoding)
    expect(headers.vary).toMatch(/accept-encoding/i)
    expect(headers.etag).toBe(plain.headers.etag)
    expect(JSON.parse(decode(body).toString())).toEqual(JSON.parse(plain.body.toString()))
    expect(body.length).toBeLessThan(plain.body.length)
  })

  test('is not sent again when it is what the client has', async () => {
    const etag = String((await get(path)).headers.etag)
    expect(etag).toMatch(/^W\/"/)
    const again = await get(path, { 'if-none-match': etag, 'accept-encoding': 'gzip' })
    expect(again.status).toBe(304)
    expect(again.body.length).toBe(0)
    const other = await get(path, { 'if-none-match': 'W/"other"' })
    expect(other.status).toBe(200)
  })

  test('is refused without a login when any tag would do', async () => {
    const { status } = await get(path, { authorization: '', 'if-none-match': '*' })
    expect(status).toBe(401)
  })

  test('has its headers alone when it is asked for by HEAD', async () => {
    const { status, body, headers } = await get(path, { 'accept-encoding': 'gzip' }, 'HEAD')
    expect(status).toBe(200)
    expect(body.length).toBe(0)
    expect(headers.etag).toBe((await get(path)).headers.etag)
  })
})

test('a list has another tag when something in it has changed', async () => {
  const before = await get('/commands')
  await system.client().execute({ agent_id: 'agent-1', command: 'true' })
  const after = await get('/commands', { 'if-none-match': String(before.headers.etag) })
  expect(after.status).toBe(200)
  expect(after.headers.etag).not.toBe(before.headers.etag)
})
