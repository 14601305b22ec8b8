import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type WebSocket, WebSocketServer } from 'ws'
import { bytesOf, HIGH_WATER, parseControl } from './relay-wire.js'
import { ready } from './role.js'

/** The bare relay: it knows which socket is which agent and who reads which command, and nothing else. */
const agents = new Map<string, WebSocket>()
const readers = new Map<number, Set<WebSocket>>()

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false })
server.on('connection', (socket) => {
  let agent: string | undefined
  socket.on('message', (data, isBinary) => {
    const bytes = bytesOf(data)
    if (isBinary) return relayOutput(socket, bytes)
    const message = parseControl(data)
    switch (message.t) {
      case 'hello':
        agent = message.agent
        agents.set(agent, socket)
        break
      case 'run':
        readers.set(message.id, new Set([socket]))
        agents.get(message.agent)?.send(bytes, { binary: false })
        break
      case 'follow':
        readers.get(message.id)?.add(socket)
        socket.send(JSON.stringify({ t: 'following', id: message.id }))
        break
      case 'exit':
        for (const reader of readers.get(message.id) ?? []) reader.send(bytes, { binary: false })
        readers.delete(message.id)
    }
  })
  socket.on('close', () => {
    if (agent !== undefined) agents.delete(agent)
    for (const set of readers.values()) set.delete(socket)
  })
})

/** Passes a frame on as it is; an agent whose reader is far behind is not read until that one has caught up. */
function relayOutput(source: WebSocket, frame: Buffer): void {
  const set = readers.get(frame.readUInt32BE())
  for (const reader of set ?? []) {
    reader.send(frame, () => {
      if (source.isPaused && ![...(set ?? [])].some(isBehind)) source.resume()
    })
    if (isBehind(reader)) source.pause()
  }
}

function isBehind(reader: WebSocket): boolean {
  return reader.readyState === reader.OPEN && reader.bufferedAmount > HIGH_WATER
}

await once(server, 'listening')
ready({ url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}` })
