import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { frameHeader } from '../../../src/shared/wire/websocket-frame.js'

let server: WebSocketServer
let raw: Socket
beforeAll(async () => {
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  raw = connect((server.address() as { port: number }).port, '127.0.0.1')
  raw.write(
    'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  )
  await once(raw, 'data')
})
afterAll(() => {
  raw.destroy()
  server.close()
})

const lengths = [0, 1, 125, 126, 127, 65_535, 65_536, 300_000]

test.each(lengths)('a server reads a masked message of %i bytes', async (length) => {
  const [socket] = server.clients
  if (!socket) throw new Error('Nobody is connected.')
  const heard = once(socket, 'message')
  const bytes = Buffer.alloc(length, 7)
  raw.write(frameHeader(length, 'binary', true))
  raw.write(bytes)
  expect(await heard).toEqual([bytes, true])
})

test.each(lengths)(
  'an unmasked message of %i bytes begins as one that the library writes',
  async (length) => {
    const [socket] = server.clients
    const chunks: Buffer[] = []
    const listener = (data: Buffer) => chunks.push(data)
    raw.on('data', listener)
    socket?.send(Buffer.alloc(length), { binary: true })
    const header = frameHeader(length, 'binary', false)
    while (chunks.reduce((sum, chunk) => sum + chunk.length, 0) < header.length + length)
      await once(raw, 'data')
    raw.off('data', listener)
    expect(Buffer.concat(chunks).subarray(0, header.length)).toEqual(Buffer.from(header))
  },
)
