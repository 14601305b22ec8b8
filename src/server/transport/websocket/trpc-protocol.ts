import type { AnyTRPCRouter } from '@trpc/server'
import { getWSConnectionHandler } from '@trpc/server/adapters/ws'
import type { RawData } from 'ws'
import { FRAME_CALLS } from '../trpc/batches.js'
import type { Context } from '../trpc/trpc.js'
import { FastPath, type FastPathRoutes } from './fast-path.js'
import { socketEncoder } from './frame-encoder.js'
import { FrameFeed } from './frame-feed.js'
import type { Pieces } from './pieces.js'
import type { OnMessage, Protocol, SocketTransport } from './transport.js'

/** tRPC's own word for it; clients of either kind know it. */
const RECONNECT = JSON.stringify({ id: null, method: 'reconnect' })

export type TrpcProtocolOptions = {
  router: AnyTRPCRouter
  /** Calls that are served without tRPC's handler. */
  fastPath: FastPathRoutes
  onError: (error: Error & { code?: string }, path: string | undefined) => void
}

/**
 * tRPC on a socket: live calls of our own sessions are for the fast path, all others for tRPC's handler, which is given
 * a socket made of the transport.
 */
export function trpcProtocol(transport: SocketTransport, options: TrpcProtocolOptions): Protocol {
  const { router, fastPath, onError } = options
  const { connection, gate, writer, socket, request } = transport
  let context: Promise<Context> | undefined
  const fast = new FastPath({
    ...fastPath,
    context: () => (connection.binary ? context : undefined),
    writer,
    gate,
    maxBatchSize: FRAME_CALLS,
    onError,
  })
  socket.once('close', () => fast.close())
  const handle = getWSConnectionHandler<AnyTRPCRouter>({
    // Typed as needed, and not read by the handler of one connection: Fastify owns the server.
    wss: undefined as never,
    router,
    experimental_encoder: socketEncoder,
    maxBatchSize: FRAME_CALLS,
    createContext: ({ info }) => {
      connection.binary = info.connectionParams?.frames === 'binary'
      context = transport.identify(info.connectionParams?.token)
      return context
    },
    onError: ({ error, path }) => onError(error, path),
  })
  const { handlerSocket, onRest } = handlerSocketOf(transport)
  // The handler's parameter is typed as a whole `ws`, of which it takes these members.
  handle(handlerSocket as Parameters<typeof handle>[0], request)
  const feed = new FrameFeed(gate, FRAME_CALLS)
  return {
    onMessage(data, isBinary) {
      const rest = fast.take(data, isBinary)
      if (rest !== undefined) feed.take(rest, isBinary, onRest)
    },
    ping: () => transport.send('PING'),
    askToReconnect: () => transport.send(RECONNECT),
  }
}

/** What tRPC's handler takes for its socket, and what hands a message to it. */
function handlerSocketOf({ socket, writer }: SocketTransport) {
  let listener: OnMessage = () => {}
  const handlerSocket = {
    get readyState() {
      return socket.readyState
    },
    // Listeners of other events than 'message' are the socket's own.
    on: (event: string, given: OnMessage) => {
      if (event === 'message') listener = given
      else socket.on(event, given)
    },
    once: (event: string, given: OnMessage) => socket.once(event, given),
    send: (message: string | Pieces) => writer.write(message),
    close: () => socket.close(),
    terminate: () => socket.terminate(),
  }
  return { handlerSocket, onRest: (data: RawData, isBinary: boolean) => listener(data, isBinary) }
}
