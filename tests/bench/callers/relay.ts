import WebSocket from 'ws'
import { bytesOf, parseControl, splitOutput } from '../roles/relay-wire.js'
import { opened } from '../roles/socket.js'
import type { Caller, Sink } from './caller.js'

type Pending = { sink: Sink; joined?: () => void; end: (code: number | null) => void }

/** A caller at the bare relay: one socket, JSON for control, raw binary for output. */
export async function relayCaller(url: string): Promise<Caller> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await opened(socket)
  const pending = new Map<number, Pending>()
  // Ids of several callers share the relay's one table.
  let lastId = Math.floor(Math.random() * 0x7fff_ffff)
  socket.on('message', (data, isBinary) => {
    if (isBinary) {
      const { id, stream, bytes } = splitOutput(bytesOf(data))
      if (stream === 'stdout') pending.get(id)?.sink(bytes)
      return
    }
    const message = parseControl(data)
    if (message.t === 'following') pending.get(message.id)?.joined?.()
    if (message.t !== 'exit') return
    pending.get(message.id)?.end(message.code)
    pending.delete(message.id)
  })
  const send = (message: object) => socket.send(JSON.stringify(message))
  const begin = (agent: string, command: string) => {
    lastId = (lastId + 1) % 0xffff_ffff
    send({ t: 'run', id: lastId, agent, command })
    return lastId
  }
  return {
    run: (agent, command, sink) =>
      new Promise((resolve) => {
        pending.set(begin(agent, command), { sink, end: resolve })
      }),
    start: async (agent, command) => String(begin(agent, command)),
    follow(name, sink) {
      const id = Number(name)
      let joined = () => {}
      let end = () => {}
      const result = {
        joined: new Promise<void>((resolve) => {
          joined = resolve
        }),
        ended: new Promise<void>((resolve) => {
          end = resolve
        }),
      }
      pending.set(id, { sink, joined, end })
      send({ t: 'follow', id })
      return result
    },
    close: async () => socket.close(),
  }
}
