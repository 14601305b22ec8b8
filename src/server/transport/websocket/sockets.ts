import type { AnyTRPCRouter } from '@trpc/server'
import { getWSConnectionHandler } from '@trpc/server/adapters/ws'
import type { FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { FRAME_CALLS } from '../trpc/batches.js'
import { socketEncoder } from './frame-encoder.js'
import { Heartbeats } from './heartbeat.js'
import { SocketTransport, type SocketTransportOptions } from './transport.js'

export type SocketsOptions = Omit<SocketTransportOptions, 'onKnown'> & {
  router: AnyTRPCRouter
  /** Called with the connection on which a token has proven who calls. */
  onKnown: (raw: FastifyRequest['raw']['socket']) => void
}

/** The WebSockets that speak tRPC. */
export class Sockets {
  readonly #options: SocketsOptions
  readonly #heartbeats = new Heartbeats()
  readonly #open = new Set<SocketTransport>()

  constructor(options: SocketsOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#open.size
  }

  /** Serves a socket from its accept on. */
  accept(socket: WebSocket, { raw: request, ip }: FastifyRequest): void {
    const { router, services, fastPath, onKnown, onError } = this.#options
    const transport = new SocketTransport(socket, request, ip, {
      services,
      fastPath,
      onKnown: () => onKnown(request.socket),
      onError,
    })
    this.#open.add(transport)
    socket.once('close', () => this.#open.delete(transport))
    const ping = () => transport.ping()
    this.#heartbeats.watch({ socket, raw: request.socket, facts: transport.connection, ping })
    transport.serve(
      getWSConnectionHandler<AnyTRPCRouter>({
        // Typed as needed, and not read by the handler of one connection: Fastify owns the server.
        wss: undefined as never,
        router,
        experimental_encoder: socketEncoder,
        maxBatchSize: FRAME_CALLS,
        createContext: ({ info }) => transport.createContext(info.connectionParams),
        onError: ({ error, path }) => onError(error, path),
      }),
    )
  }

  /** Asks every client to connect elsewhere. */
  askToReconnect(): void {
    for (const transport of this.#open) transport.askToReconnect()
  }

  /** Ends what watches the sockets; they are closed with their server. */
  close(): void {
    this.#heartbeats.close()
  }
}
