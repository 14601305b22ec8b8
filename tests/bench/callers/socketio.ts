import { randomUUID } from 'node:crypto'
import { io, type Socket } from 'socket.io-client'
import type { FromPeer, ToPeer } from '../roles/socketio-wire.js'
import type { Caller, Sink } from './caller.js'

/** A caller of the socket.io peer. */
export async function socketioCaller(url: string): Promise<Caller> {
  const socket: Socket<ToPeer, FromPeer> = io(url, { transports: ['websocket'], forceNew: true })
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
  const pending = new Map<string, { sink: Sink; end: (code: number | null) => void }>()
  socket.on('output', ({ id, stream, data }) => {
    if (stream === 'stdout') pending.get(id)?.sink(data)
  })
  socket.on('result', ({ id, code }) => {
    pending.get(id)?.end(code)
    pending.delete(id)
  })
  const begin = (agent: string, command: string) => {
    const id = randomUUID()
    socket.emit('execute', { id, agent, command })
    return id
  }
  return {
    run: (agent, command, sink) =>
      new Promise((resolve) => {
        pending.set(begin(agent, command), { sink, end: resolve })
      }),
    start: async (agent, command) => begin(agent, command),
    follow(id, sink) {
      const ended = new Promise<void>((resolve) => {
        pending.set(id, { sink, end: () => resolve() })
      })
      const joined = new Promise<void>((resolve) => socket.emit('follow', id, resolve))
      return { joined, ended }
    },
    close: async () => {
      socket.close()
    },
  }
}
