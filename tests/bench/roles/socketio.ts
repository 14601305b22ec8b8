import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'socket.io'
import { ready } from './role.js'
import type { FromPeer, ToPeer } from './socketio-wire.js'

/** A controller as one would write it with socket.io: agents and readers of a command are rooms. */
const http = createServer()
const io = new Server<FromPeer, ToPeer>(http, { maxHttpBufferSize: 16 * 1024 * 1024 })

io.on('connection', (socket) => {
  const agent: unknown = socket.handshake.auth.agent
  if (typeof agent === 'string') void socket.join(`agent:${agent}`)
  socket.on('execute', (order) => {
    void socket.join(`command:${order.id}`)
    io.to(`agent:${order.agent}`).emit('execute', order)
  })
  socket.on('follow', (id, joined) => {
    void socket.join(`command:${id}`)
    joined()
  })
  socket.on('output', (output) => {
    io.to(`command:${output.id}`).emit('output', output)
  })
  socket.on('result', (result) => {
    io.to(`command:${result.id}`).emit('result', result)
    io.in(`command:${result.id}`).socketsLeave(`command:${result.id}`)
  })
})

http.listen(0, '127.0.0.1')
await once(http, 'listening')
ready({ url: `http://127.0.0.1:${(http.address() as AddressInfo).port}` })
