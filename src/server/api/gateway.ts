import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import cors from '@fastify/cors'
import formbody from '@fastify/formbody'
import websocket from '@fastify/websocket'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import { getWSConnectionHandler } from '@trpc/server/adapters/ws'
import Fastify, { type FastifyInstance } from 'fastify'
import type { WebSocket } from 'ws'
import { limits } from '../../shared/command.js'
import { ExpressLane } from './express-lane.js'
import { Heartbeats } from './heartbeat.js'
import { bearerToken, identify } from './identify.js'
import { type RestOptions, registerRest } from './rest.js'
import { type AppRouter, appRouter, laneRoutes } from './router.js'
import { socketEncoder } from './socket-frames.js'
import { SocketWriter } from './socket-writer.js'
import type { Connection, Context, Services } from './trpc.js'

/** A socket that announced its token must send it within so long, in ms. */
const FIRST_MESSAGE_MS = 10_000
/** Bytes that may wait in a socket before its subscriptions wait too. */
const SOCKET_HIGH_WATER = 128 * 1024

/** tRPC's own word for it; clients of either kind know it. */
const RECONNECT = JSON.stringify({ id: null, method: 'reconnect' })
/** How long clients get to leave at a shutdown, in ms. */
const LEAVE_MS = 1000

export type GatewayOptions = RestOptions & { corsOrigins: string[] }

export type Gateway = {
  app: FastifyInstance
  /** How many WebSockets are open. */
  sockets(): number
  /** Asks every client to connect elsewhere, then closes what is left. */
  close(): Promise<void>
}

/** The controller's one port: REST, tRPC over HTTP and SSE, tRPC over WebSocket. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { services } = options
  const app = Fastify({
    bodyLimit: limits.message,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    forceCloseConnections: true,
    logger: false,
  })
  if (options.corsOrigins.length > 0) await app.register(cors, { origin: options.corsOrigins })
  await app.register(formbody)
  await app.register(websocket, { options: { maxPayload: limits.message, perMessageDeflate: false } })
  registerRest(app, options)
  const heartbeats = new Heartbeats()
  app.addHook('onClose', async () => heartbeats.close())
  await app.register(trpcRoutes(services, heartbeats))
  return { app, sockets: () => app.websocketServer.clients.size, close: () => closeGateway(app) }
}

async function closeGateway(app: FastifyInstance): Promise<void> {
  const { clients } = app.websocketServer
  // No new sockets from here on: who is asked to leave must not land here once more.
  app.server.close()
  for (const client of clients) client.send(RECONNECT)
  const deadline = performance.now() + LEAVE_MS
  while (clients.size > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  await app.close()
}

/** A scope of its own: tRPC's plugin takes JSON bodies as text, REST takes them parsed. */
function trpcRoutes(services: Services, heartbeats: Heartbeats) {
  return async (app: FastifyInstance) => {
    const createContext = (token: string | undefined, connection: Connection) =>
      makeContext(services, token, connection)
    await app.register(fastifyTRPCPlugin<AppRouter>, {
      prefix: '/trpc',
      trpcOptions: {
        router: appRouter,
        maxBatchSize: 100,
        createContext: async ({ req }) => {
          const connection = { binary: false, writable: async () => {} }
          const { traceparent } = req.headers
          const context = await createContext(bearerToken(req.headers.authorization), connection)
          return { ...context, traceparent: Array.isArray(traceparent) ? undefined : traceparent }
        },
        onError: ({ error, path }) => logUnexpected(services, error, path),
      },
    })
    app.get('/trpc', { websocket: true }, (socket, request) => {
      onSocket(services, heartbeats, socket, request.raw)
    })
  }
}

function onSocket(
  services: Services,
  heartbeats: Heartbeats,
  socket: WebSocket,
  request: IncomingMessage,
): void {
  const connection: Connection = {
    binary: false,
    writable: (signal) => socketWritable(socket, request, signal),
  }
  const deadline = setTimeout(() => socket.close(4408, 'no first message'), FIRST_MESSAGE_MS)
  socket.once('message', () => clearTimeout(deadline))
  socket.once('close', () => clearTimeout(deadline))
  heartbeats.watch(socket, request.socket, () => connection.agentId !== undefined)
  let context: Promise<Context> | undefined
  const createContext = (params: NodeJS.Dict<string> | null, { headers }: IncomingMessage) => {
    connection.binary = params?.frames === 'binary'
    const made = makeContext(services, params?.token ?? bearerToken(headers.authorization), connection)
    context = made
    return made
  }
  const lane = new ExpressLane({
    ...laneRoutes,
    context: () => (connection.binary ? context : undefined),
    writer: new SocketWriter(socket, request.socket),
    onError: (error, path) => logUnexpected(services, error, path),
  })
  lane.serve(socket, request, serveSocket(services, createContext))
}

function serveSocket(
  services: Services,
  createContext: (params: NodeJS.Dict<string> | null, req: IncomingMessage) => Promise<Context>,
) {
  return getWSConnectionHandler<AppRouter>({
    // Typed as needed, and not read by the handler of one connection: Fastify owns the server.
    wss: undefined as never,
    router: appRouter,
    experimental_encoder: socketEncoder,
    maxBatchSize: 2000,
    createContext: ({ info, req }) => createContext(info.connectionParams, req),
    onError: ({ error, path }) => logUnexpected(services, error, path),
  })
}

async function socketWritable(
  socket: WebSocket,
  request: IncomingMessage,
  signal: AbortSignal,
): Promise<void> {
  while (socket.bufferedAmount > SOCKET_HIGH_WATER && socket.readyState === socket.OPEN) {
    await once(request.socket, 'drain', { signal })
  }
}

/** Never throws: a context that does would end a subscription for good that a fresh token could carry on. */
async function makeContext(
  services: Services,
  token: string | undefined,
  connection: Connection,
): Promise<Context> {
  return { services, connection, identity: await identify(services.login, token) }
}

function logUnexpected(services: Services, error: Error & { code?: string }, path: string | undefined): void {
  if (error.code !== 'INTERNAL_SERVER_ERROR') return
  services.log.error({ err: error.cause ?? error, path }, 'a call failed unexpectedly')
}
