import cors from '@fastify/cors'
import helmet from '@fastify/helmet'
import websocket from '@fastify/websocket'
import type { AnyTRPCRouter } from '@trpc/server'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { sleep } from '../../../shared/async/sleep.js'
import { limits } from '../../../shared/commands/request.js'
import { OgentError } from '../../../shared/errors.js'
import type { TransportServices } from '../services.js'
import { BATCH_CALLS } from '../trpc/batches.js'
import { httpContext, openHttpCall } from '../trpc/http.js'
import { DISMISS_MS } from '../websocket/dismissal.js'
import type { FastPathRoutes } from '../websocket/fast-path.js'
import { Sockets } from '../websocket/sockets.js'
import type { Protocol, SocketTransport } from '../websocket/transport.js'
import { trpcProtocol } from '../websocket/trpc-protocol.js'
import { registerAnswers } from './answers.js'
import { answerClientError, fullAnswer } from './client-error.js'
import { rateLimitHeaders } from './count-request.js'
import { Door } from './door.js'
import { networks } from './networks.js'
import { connectionsAtMost } from './open-files.js'
import { checkHost, checkOrigin } from './origin.js'
import { isPeerGone } from './peer-gone.js'
import { sendProblem } from './problem.js'
import { nameAnswers, requestIdOf } from './request-id.js'
import { type RestOptions, registerRest } from './rest.js'

/** Letters of a part of a path: the names of all calls of a batch are one. */
const MAX_PATH = BATCH_CALLS * 64

/** A request's headers, and all of it, must be there within so long, in ms; what is answered may last for ever. */
const HEADERS_MS = 10_000
const REQUEST_MS = 60_000
const SLOW_CHECK_MS = 2000

/** Headers of answers that browsers keep from a page of another origin, unless the answer exposes them. */
const TELLING_HEADERS = [
  ...['Allow', 'Link', 'Location', 'Ogent-Version', 'Preference-Applied', 'Request-Id', 'Retry-After'],
  ...rateLimitHeaders,
  'WWW-Authenticate',
]

/** What a page of another origin may ask; left out, the library has fewer. */
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE']

/** How long clients get to leave at a shutdown, in ms. */
const LEAVE_MS = 1000

/** `closeTimeout`, which the types of `ws` lack: what is closed from here goes, whether or not its peer answers that. */
const socketOptions = { maxPayload: limits.message, perMessageDeflate: false, closeTimeout: DISMISS_MS }

export type GatewayOptions = Omit<RestOptions, 'know'> & {
  router: AnyTRPCRouter
  /** Calls of the router that the fast path serves. */
  fastPath: FastPathRoutes
  /** WebSockets besides that of tRPC, by their paths. */
  sockets: Record<string, (transport: SocketTransport) => Protocol>
  corsOrigins: string[]
  /** Addresses of proxies that are believed when they say who calls. */
  trustedProxies: string[]
  /** Names by which this controller may be called; none: any. */
  allowedHosts: string[]
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
  const door = new Door(app.server, {
    maxConnections: connectionsAtMost(),
    isShared: networks(options.trustedProxies),
    tls: options.tls !== undefined,
    full: fullAnswer,
  })
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
    await app.register(cors, {
      origin: options.corsOrigins,
      methods: METHODS,
      exposedHeaders: TELLING_HEADERS,
    })
  }
  await app.register(websocket, { options: socketOptions })
  registerAnswers(app)
  nameAnswers(app, options.version)
  app.addHook('onRequest', async (request) => checkHost(request, options.allowedHosts))
  registerRest(app, { ...options, know: (socket) => door.know(socket) })
  const sockets = new Sockets({ services: options.services, onKnown: (socket) => door.know(socket) })
  app.addHook('onClose', async () => sockets.close())
  await app.register(trpcRoutes(options, sockets, door))
  return { app, sockets: () => sockets.size, close: () => closeGateway(app, door, sockets) }
}

function fastify({ services, tls, trustedProxies }: GatewayOptions): FastifyInstance {
  const slow = { headersTimeout: HEADERS_MS, connectionsCheckingInterval: SLOW_CHECK_MS }
  const common = {
    bodyLimit: limits.message,
    routerOptions: {
      ignoreTrailingSlash: true, // Of what tRPC has there: the names of as many calls as a batch may hold.
      maxParamLength: MAX_PATH,
    },
    forceCloseConnections: true,
    logger: false,
    genReqId: requestIdOf,
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
  return Fastify({
    ...common,
    https: { ...slow, ...tls, handshakeTimeout: HEADERS_MS },
  }) as unknown as FastifyInstance
}

async function closeGateway(app: FastifyInstance, door: Door, sockets: Sockets): Promise<void> {
  // No new sockets from here on: who is asked to leave must not land here once more.
  app.server.close()
  door.close()
  sockets.askToReconnect()
  const deadline = performance.now() + LEAVE_MS
  while (sockets.size > 0 && performance.now() < deadline) {
    await sleep(20)
  }
  await app.close()
}

/** A scope of its own: tRPC's plugin takes JSON bodies as text, REST takes them parsed. */
function trpcRoutes(options: GatewayOptions, sockets: Sockets, door: Door) {
  const { services, corsOrigins } = options
  const isSubscription = (path: string) => options.router._def.procedures[path]?._def.type === 'subscription'
  return async (app: FastifyInstance) => {
    app.decorateRequest('identity', undefined)
    app.addHook('onRequest', async (request, reply) => {
      if (request.ws) return checkOrigin(request, corsOrigins)
      const identity = await openHttpCall(services, request, reply, isSubscription)
      if (identity) door.know(request.raw.socket)
    })
    await app.register(fastifyTRPCPlugin<AnyTRPCRouter>, {
      prefix: '/trpc',
      trpcOptions: {
        router: options.router,
        maxBatchSize: BATCH_CALLS,
        createContext: async ({ req, res, info }) => {
          const context = await httpContext(services, req, res, info.calls.length)
          const { identity } = context
          if (!(identity instanceof OgentError) && !res.raw.closed) {
            const unwatch = services.authenticator.watch(identity, () => res.raw.destroy())
            res.raw.once('close', unwatch)
          }
          return context
        },
        onError: ({ error, path, ctx }) => logUnexpected(services, error, path, ctx?.request_id),
      },
    })
    const { router, fastPath } = options
    const onError = (error: Error, path: string | undefined) => logUnexpected(services, error, path)
    app.get('/trpc', { websocket: true }, (socket, request) => {
      sockets.accept(socket, request, (transport) => trpcProtocol(transport, { router, fastPath, onError }))
    })
    for (const [path, protocolOf] of Object.entries(options.sockets)) {
      app.get(path, { websocket: true }, (socket, request) => sockets.accept(socket, request, protocolOf))
    }
  }
}

function logUnexpected(
  services: TransportServices,
  error: Error & { code?: string },
  path: string | undefined,
  request_id?: string,
): void {
  if (error.code !== 'INTERNAL_SERVER_ERROR') return
  // Each subscription of a connection that breaks would say so, with a stack.
  if (isPeerGone(error)) return services.log.debug({ cause: error.message, path }, 'a connection broke')
  services.log.error({ err: error.cause ?? error, path, request_id }, 'a call failed unexpectedly')
}
