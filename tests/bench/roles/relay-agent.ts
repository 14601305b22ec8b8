import WebSocket from 'ws'
import { bytesOf, HIGH_WATER, joinOutput, parseControl } from './relay-wire.js'
import { given, ready } from './role.js'
import { runShell } from './shell.js'
import { opened } from './socket.js'

/** Agents of the bare relay, each with a socket of its own; where `spawns` is false they answer at once. */
export type RelayAgents = { url: string; agents: string[]; spawns: boolean }

const { url, agents, spawns } = given<RelayAgents>()

async function attach(agent: string): Promise<void> {
  const socket = new WebSocket(url, { perMessageDeflate: false })
  await opened(socket)
  const send = (message: object) => socket.send(JSON.stringify(message))
  socket.on('message', (data) => {
    const message = parseControl(bytesOf(data))
    if (message.t !== 'run') return
    const { id, command } = message
    if (!spawns) return send({ t: 'exit', id, code: 0 })
    void runShell(command, (stream, bytes, source) => {
      socket.send(joinOutput(id, stream, bytes), () => {
        if (source.isPaused() && socket.bufferedAmount < HIGH_WATER) source.resume()
      })
      if (socket.bufferedAmount > HIGH_WATER) source.pause()
    }).then((code) => send({ t: 'exit', id, code }))
  })
  send({ t: 'hello', agent })
}

// So many at a time: a listener's backlog is not endless.
for (let at = 0; at < agents.length; at += 50) await Promise.all(agents.slice(at, at + 50).map(attach))
ready()
