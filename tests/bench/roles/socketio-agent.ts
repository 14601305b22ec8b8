import { io, type Socket } from 'socket.io-client'
import { given, ready } from './role.js'
import { runShell } from './shell.js'
import type { FromPeer, ToPeer } from './socketio-wire.js'

/** Agents of the socket.io peer; where `spawns` is false they answer at once. */
export type SocketioAgents = { url: string; agents: string[]; spawns: boolean }

const { url, agents, spawns } = given<SocketioAgents>()

function attach(agent: string): Promise<void> {
  const socket: Socket<ToPeer, FromPeer> = io(url, {
    auth: { agent },
    transports: ['websocket'],
    forceNew: true,
  })
  socket.on('execute', ({ id, command }) => {
    if (!spawns) return void socket.emit('result', { id, code: 0 })
    void runShell(command, (stream, data) => {
      socket.emit('output', { id, stream, data })
    }).then((code) => socket.emit('result', { id, code }))
  })
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('connect_error', reject)
  })
}

for (let at = 0; at < agents.length; at += 50) await Promise.all(agents.slice(at, at + 50).map(attach))
ready()
