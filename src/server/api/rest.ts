import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../shared/errors.js'
import { loginSchema } from '../../shared/identity.js'
import { registerDocs } from './docs.js'
import { bearerToken, identify } from './identify.js'
import { KnownPaths } from './known-paths.js'
import { type MetricsOptions, registerMetrics } from './metrics.js'
import { sendProblem } from './problem.js'
import type { Quotas } from './quotas.js'
import { registerAgentRoutes } from './rest-agents.js'
import { registerBodies } from './rest-body.js'
import { registerCommandRoutes } from './rest-commands.js'
import { registerRecordingRoute } from './rest-recording.js'
import { callerOf, parse } from './rest-request.js'
import { checkAccess, type Services } from './trpc.js'

export type RestOptions = MetricsOptions & {
  services: Services
  /** The state of each dependency; `ready` where all is well. */
  ready: () => Promise<Record<string, string>>
  version: string
}

/** The REST API of the contract, over the same services as the router. */
export function registerRest(app: FastifyInstance, options: RestOptions): void {
  const { services } = options
  app.setErrorHandler((error, request, reply) => sendProblem(services.log, error, request, reply))
  const known = new KnownPaths()
  answerUnknown(app, known, services)
  app.register(async (scope) => {
    scope.addHook('onRoute', (route) => known.add(route))
    registerMetrics(scope, services.login, options)
    registerGuarded(scope, options)
  })
}

/** What no route is for: another method where the path is known, else another path. */
function answerUnknown(app: FastifyInstance, known: KnownPaths, { log }: Services): void {
  const notFound = (request: FastifyRequest) =>
    new OgentError('NOT_FOUND', `There is no ${request.method} ${pathOf(request)}.`)
  app.setNotFoundHandler((request, reply) => sendProblem(log, notFound(request), request, reply))
  // Before a body is looked at: what is wrong with that is of no interest here.
  app.addHook('onRequest', async (request, reply) => {
    if (!request.is404) return
    const methods = known.methodsAt(pathOf(request)).join(', ')
    if (methods === '') throw notFound(request)
    reply.header('allow', methods)
    throw new OgentError(
      'METHOD_NOT_ALLOWED',
      `${pathOf(request)} does not take ${request.method}; it takes ${methods}.`,
    )
  })
}

/** The routes that ask who calls, but for those that are open to all. */
function registerGuarded(app: FastifyInstance, options: RestOptions): void {
  const { services } = options
  app.register(async (rest) => {
    rest.decorateRequest('caller', undefined)
    registerBodies(rest)
    rest.addHook('onRequest', async (request: FastifyRequest) => {
      const { access } = request.routeOptions.config
      const identity = await identify(services.login, bearerToken(request.headers.authorization))
      request.caller = checkAccess(identity, access)
    })
    rest.addHook('preHandler', async (request: FastifyRequest, reply: FastifyReply) => {
      if (request.routeOptions.config.live) countLive(services.quotas, request, reply)
    })
    registerOpenRoutes(rest, options)
    registerLogin(rest, services)
    registerDocs(rest, options.version)
    registerAgentRoutes(rest, services)
    registerCommandRoutes(rest, services)
    registerRecordingRoute(rest, services)
  })
}

function registerOpenRoutes(app: FastifyInstance, options: RestOptions): void {
  const { version } = options
  app.get('/', { config: { access: 'open' } }, async () => ({
    message: 'Welcome to Ogent',
    version,
    documentation: '/docs',
  }))

  app.get('/health', { config: { access: 'open' } }, async () => ({ status: 'healthy' }))

  app.get('/ready', { config: { access: 'open' } }, async (_request, reply: FastifyReply) => {
    const dependencies = await options.ready()
    const ready = Object.values(dependencies).every((state) => state === 'ready')
    return reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'unavailable', dependencies })
  })

  app.get('/users/me', { config: { access: 'any' } }, async (request) => {
    const { username, role } = callerOf(request)
    return { username, role }
  })
}

/** In a scope of its own: OAuth2 logs in by a form, which nothing else takes. */
function registerLogin(app: FastifyInstance, { login }: Services): void {
  app.register(async (scope) => {
    await scope.register(formbody)
    scope.post('/token', { config: { access: 'open' } }, async (request, reply) => {
      const credentials = parse(loginSchema, request.body, 'body')
      reply.header('cache-control', 'no-store')
      return login.login(credentials, request.ip)
    })
  })
}

/** A reply that lasts as long as a command does is one of those that a user may have so many of. */
function countLive(quotas: Quotas, request: FastifyRequest, reply: FastifyReply): void {
  const leave = quotas.subscriptions.take(callerOf(request).username)
  // A client that is gone by now says so no second time.
  if (reply.raw.closed) leave()
  else reply.raw.once('close', leave)
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
