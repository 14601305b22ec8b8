import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import websocket from '@fastify/websocket'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import { getWSConnectionHandler } from '@trpc/server/adapters/ws'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { WebSocket } from 'ws'
import { limits } from '../../shared/command.js'
import { OgentError } from '../../shared/errors.js'
import { answerClientError } from './client-error.js'
import { ExpressLane } from './express-lane.js'
import { Heartbeats } from './heartbeat.js'
import { bearerToken, identify } from './identify.js'
import { checkOrigin } from './origin.js'
import { sendProblem } from './problem.js'
import { type RestOptions, registerRest } from './rest.js'
import { type AppRouter, appRouter, laneRoutes } from './router.js'
import { socketEncoder } from './socket-frames.js'
import { SocketWriter } from './socket-writer.js'
import type { Connection, Context, Services } from './trpc.js'

/** A socket that announced its token must send it within so long, in ms. */
const FIRST_MESSAGE_MS = 10_000
/** Calls that one frame, or one HTTP batch, may hold. */
const FRAME_CALLS = 2000
const BATCH_CALLS = 100
/** Bytes that may wait in a socket before its subscriptions wait too. */
const SOCKET_HIGH_WATER = 128 * 1024

/** A request's headers, and all of it, must be there within so long, in ms; what is answered may last for ever. */
const HEADERS_MS = 10_000
const REQUEST_MS = 60_000
const SLOW_CHECK_MS = 2000
/** A socket that nobody has logged in on is closed after so long, in ms; one that is too many much sooner. */
const STRANGER_MS = 60_000
const TOO_MANY_MS = 1000

/** tRPC's own word for it; clients of either kind know it. */
const RECONNECT = JSON.stringify({ id: null, method: 'reconnect' })
/** Headers of answers that browsers keep from a page of another origin, unless they are told to. */
const TELLING_HEADERS = ['Allow', 'Location', 'Preference-Applied', 'Retry-After', 'WWW-Authenticate']

/** How long clients get to leave at a shutdown, in ms. */
const LEAVE_MS = 1000

export type GatewayOptions = RestOptions & {
  corsOrigins: string[]
  /** Addresses of proxies that are believed when they say who calls. */
  trustedProxies: string[]
  /** PEM texts; without them the port speaks plain HTTP. */
  tls: { cert: string; key: string } | undefined
}

export type Gateway = {
  app: FastifyInstance
  /** How many WebSockets are open. */
  sockets(): number
  /** Asks every client to connect elsewhere, then closes what is left. */
  close(): Promise<void>
}

/** The controller's one port: REST, tRPC over HTTP and SSE, tRPC over WebSocket. */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const app = fastify(options)
  await app.register(helmet, {
    // What the API answers is data: a browser that takes it for a page may load nothing with it.
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
    referrerPolicy: { policy: 'no-referrer' },
    strictTransportSecurity: options.tls !== undefined,
    xFrameOptions: { action: 'deny' },
  })
  if (options.corsOrigins.length > 0) {
    await app.register(cors, { origin: options.corsOrigins, exposedHeaders: TELLING_HEADERS })
  }
  await app.register(websocket, { options: { maxPayload: limits.message, perMessageDeflate: false } })
  registerRest(app, options)
  const heartbeats = new Heartbeats()
  app.addHook('onClose', async () => heartbeats.close())
  await app.register(trpcRoutes(options, heartbeats))
  return { app, sockets: () => app.websocketServer.clients.size, close: () => closeGateway(app) }
}

function fastify({ services, tls, trustedProxies }: GatewayOptions): FastifyInstance {
  const slow = { headersTimeout: HEADERS_MS, connectionsCheckingInterval: SLOW_CHECK_MS }
  const common = {
    bodyLimit: limits.message,
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: 256 },
    forceCloseConnections: true,
    logger: false,
    requestTimeout: REQUEST_MS,
    clientErrorHandler: answerClientError,
    // A path that cannot be decoded, and the like: no route is there to answer it.
    frameworkErrors: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      sendProblem(services.log, error, request, reply)
    },
    ...(trustedProxies.length > 0 ? { trustProxy: trustedProxies } : {}),
  } as const
  if (!tls) return Fastify({ ...common, http: slow })
  // Typed by its kind of server, which makes no difference to anything here.
  return Fastify({ ...common, https: { ...slow, ...tls } }) as unknown as FastifyInstance
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
function trpcRoutes({ services, corsOrigins }: GatewayOptions, heartbeats: Heartbeats) {
  return async (app: FastifyInstance) => {
    const createContext = (token: string | undefined, connection: Connection) =>
      makeContext(services, token, connection)
    await app.register(fastifyTRPCPlugin<AppRouter>, {
      prefix: '/trpc',
      trpcOptions: {
        router: appRouter,
        maxBatchSize: BATCH_CALLS,
        createContext: async ({ req }) => {
          const connection = { address: req.ip, binary: false, writable: async () => {} }
          const { traceparent } = req.headers
          const context = await createContext(bearerToken(req.headers.authorization), connection)
          return { ...context, traceparent: Array.isArray(traceparent) ? undefined : traceparent }
        },
        onError: ({ error, path }) => logUnexpected(services, error, path),
      },
    })
    const sameOrigin = async (request: FastifyRequest) => checkOrigin(request, corsOrigins)
    app.get('/trpc', { websocket: true, onRequest: sameOrigin }, (socket, request) => {
      onSocket(services, heartbeats, socket, request)
    })
  }
}

function onSocket(
  services: Services,
  heartbeats: Heartbeats,
  socket: WebSocket,
  { raw: request, ip }: FastifyRequest,
): void {
  const connection: Connection = {
    address: ip,
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
    const token = params?.token ?? bearerToken(headers.authorization)
    context = makeContext(services, token, connection).then((made) => countSocket(made, socket))
    return context
  }
  const lane = new ExpressLane({
    ...laneRoutes,
    context: () => (connection.binary ? context : undefined),
    writer: new SocketWriter(socket, request.socket),
    maxBatchSize: FRAME_CALLS,
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
    maxBatchSize: FRAME_CALLS,
    createContext: ({ info, req }) => createContext(info.connectionParams, req),
    onError: ({ error, path }) => logUnexpected(services, error, path),
  })
}

/** A socket is one of those that its user may have so many of. One that is too many is told so, and closed. */
function countSocket(context: Context, socket: WebSocket): Context {
  const { identity, connection, services } = context
  const stranger = identity instanceof OgentError
  if (stranger) closeAfter(socket, STRANGER_MS, 4401, 'nobody has logged in')
  try {
    const leave = services.quotas.connections.take(stranger ? connection.address : identity.username)
    if (socket.readyState === socket.OPEN) socket.once('close', leave)
    else leave()
    return context
  } catch (error) {
    closeAfter(socket, TOO_MANY_MS, 4429, 'too many connections')
    return error instanceof OgentError ? { ...context, identity: error } : context
  }
}

function closeAfter(socket: WebSocket, ms: number, code: number, reason: string): void {
  const timer = setTimeout(() => socket.close(code, reason), ms)
  socket.once('close', () => clearTimeout(timer))
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
