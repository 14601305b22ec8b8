import type { IncomingMessage } from 'node:http'
import type { getWSConnectionHandler } from '@trpc/server/adapters/ws'
import type { RawData, WebSocket } from 'ws'
import { OgentError } from '../../../shared/errors.js'
import { bearerToken } from '../http/bearer-token.js'
import type { TransportServices } from '../services.js'
import { FRAME_CALLS } from '../trpc/batches.js'
import type { Connection, Context } from '../trpc/trpc.js'
import { admitOnSocket } from './answers.js'
import { countSocket } from './count-socket.js'
import { FastPath, type FastPathRoutes } from './fast-path.js'
import { FrameFeed } from './frame-feed.js'
import { SocketGate } from './gate.js'
import type { Pieces } from './pieces.js'
import { StrangerGate } from './stranger-gate.js'
import { SocketWriter } from './writer.js'

/** tRPC's own word for it; clients of either kind know it. */
const RECONNECT = JSON.stringify({ id: null, method: 'reconnect' })

type TrpcHandler = ReturnType<typeof getWSConnectionHandler>
type OnMessage = (data: RawData, isBinary: boolean) => void

export type SocketTransportOptions = {
  services: TransportServices
  /** Calls that are served without tRPC's handler. */
  fastPath: FastPathRoutes
  /** Called when a token has proven who is at the other end. */
  onKnown: () => void
  onError: (error: Error & { code?: string }, path: string | undefined) => void
}

/**
 * Owns a socket from its accept to its close. What comes in passes the gate for strangers, then the fast path, then
 * tRPC's handler, which is given a socket made of this transport; what goes out passes one writer.
 */
export class SocketTransport {
  /** The same object for all calls of this socket. */
  readonly connection: Connection
  readonly #socket: WebSocket
  readonly #request: IncomingMessage
  readonly #options: SocketTransportOptions
  readonly #writer: SocketWriter
  readonly #strangers: StrangerGate
  readonly #feed: FrameFeed
  readonly #fastPath: FastPath
  #context: Promise<Context> | undefined
  #onMessage: OnMessage = () => {}

  /** `address`: of the peer, as the proxies in between tell it. */
  constructor(socket: WebSocket, request: IncomingMessage, address: string, options: SocketTransportOptions) {
    const { services, fastPath, onError } = options
    const gate = new SocketGate(socket, request.socket)
    this.#socket = socket
    this.#request = request
    this.#options = options
    this.#strangers = new StrangerGate(socket, request.socket)
    this.#writer = new SocketWriter(socket, request.socket, gate)
    this.#feed = new FrameFeed(gate, FRAME_CALLS)
    this.connection = {
      address,
      binary: false,
      gate,
      writable: (signal) => gate.writable(signal),
      admit: (account, bytes) => admitOnSocket(services, gate, account, bytes),
    }
    this.#fastPath = new FastPath({
      ...fastPath,
      context: () => (this.connection.binary ? this.#context : undefined),
      writer: this.#writer,
      gate,
      maxBatchSize: FRAME_CALLS,
      onError,
    })
    socket.on('message', (data: RawData, isBinary: boolean) => {
      if (this.#strangers.known) this.#deliver(data, isBinary)
      else this.#strangers.take(data, isBinary, (...message) => this.#deliver(...message))
    })
    socket.once('close', () => this.#fastPath.close())
  }

  /** Begins to serve. tRPC's handler creates its context by `createContext`. */
  serve(handler: TrpcHandler): void {
    // The handler's parameter is typed as a whole `ws`, of which it takes these members.
    handler(this.#trpcSocket() as Parameters<TrpcHandler>[0], this.#request)
  }

  /** Who calls on this socket, by the token of its first message or of its headers; asked once a socket. */
  createContext(params: NodeJS.Dict<string> | null): Promise<Context> {
    const { services, onKnown } = this.#options
    this.connection.binary = params?.frames === 'binary'
    const token = params?.token ?? bearerToken(this.#request.headers.authorization)
    const context = identify(services, token, this.connection).then((made) => countSocket(made, this.#socket))
    this.#context = context
    const isKnown = context.then(({ identity }) => !(identity instanceof OgentError))
    this.#strangers.prove(isKnown)
    void isKnown.then((known) => known && onKnown())
    return context
  }

  ping(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#writer.write('PING')
  }

  /** Asks the client to connect elsewhere. */
  askToReconnect(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#writer.write(RECONNECT)
  }

  #deliver(data: RawData, isBinary: boolean): void {
    const rest = this.#fastPath.take(data, isBinary)
    if (rest !== undefined) this.#feed.take(rest, isBinary, this.#onMessage)
  }

  #trpcSocket() {
    const socket = this.#socket
    return {
      get readyState() {
        return socket.readyState
      },
      // Listeners of other events than 'message' are the socket's own.
      on: (event: string, listener: OnMessage) => {
        if (event === 'message') this.#onMessage = listener
        else socket.on(event, listener)
      },
      once: (event: string, listener: OnMessage) => socket.once(event, listener),
      send: (message: string | Pieces) => this.#writer.write(message),
      close: () => socket.close(),
      terminate: () => socket.terminate(),
    }
  }
}

/** Never throws: a context that does would end a subscription for good that a fresh token could carry on. */
async function identify(
  services: TransportServices,
  token: string | undefined,
  connection: Connection,
): Promise<Context> {
  return { services, connection, identity: await services.authenticator.identify(token) }
}
