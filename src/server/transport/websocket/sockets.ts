import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import type { TransportServices } from '../services.js'
import { Heartbeats } from './heartbeat.js'
import { type Protocol, SocketTransport } from './transport.js'

export type SocketsOptions = {
  services: TransportServices
  /** Called with the connection on which a token has proven who calls. */
  onKnown: (raw: FastifyRequest['raw']['socket']) => void
}

/** The WebSockets of the controller. */
export class Sockets {
  readonly #options: SocketsOptions
  readonly #heartbeats = new Heartbeats()
  readonly #open = new Set<Protocol>()

  constructor(options: SocketsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /** Serves a socket from its accept on, in the protocol that is made for it. */
  accept(
    socket: WebSocket,
    { raw: request, ip }: FastifyRequest,
    protocolOf: (transport: SocketTransport) => Protocol,
  ): void {
    const { services, onKnown } = this.#options
    const transport = new SocketTransport(socket, request, ip, {
      services,
      onKnown: () => onKnown(request.socket),
    })
    const protocol = protocolOf(transport)
    this.#open.add(protocol)
    socket.once('close', () => this.#open.delete(protocol))
    this.#heartbeats.watch({
      socket,
      raw: request.socket,
      facts: transport.connection,
      ping: () => protocol.ping(),
    })
    transport.serve((data, isBinary) => protocol.onMessage(data, isBinary))
  }

  /** Asks every client to connect elsewhere. */
  askToReconnect(): void {
    for (const protocol of this.#open) protocol.askToReconnect()
  }

  /** Ends what watches the sockets; they are closed with their server. */
  close(): void {
    this.#heartbeats.close()
  }
}
