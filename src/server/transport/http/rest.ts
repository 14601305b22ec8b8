import { constants } from 'node:zlib'
import compress from '@fastify/compress'
import etag from '@fastify/etag'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'
import { errorPageRoutes } from '../error-pages/routes.js'
import { holdRead } from '../limits/concurrency.js'
import type { TransportServices } from '../services.js'
import { type OpenSite, siteIn } from '../site/files.js'
import { registerSite, siteRoutes } from '../site/site.routes.js'
import { checkAccess } from '../trpc/trpc.js'
import { bearerToken } from './bearer-token.js'
import { registerBodies } from './body.js'
import { countRequest } from './count-request.js'
import { docsPage, documentRoute, registerDocs } from './docs.js'
import { KnownPaths } from './known-paths.js'
import { type MetricsOptions, metricsRoute } from './metrics-endpoint.js'
import { sendProblem } from './problem.js'
import { callerOf } from './request.js'
import { type DocumentedRoute, type Route, type RouteServices, registerRoute } from './route.js'
import { type ServiceOptions, serviceRoutes } from './service-routes.js'

export type RestOptions = MetricsOptions &
  ServiceOptions & {
    services: TransportServices
    /** The routes of the capabilities. */
    routes: readonly Route[]
  }

/** The REST API of the contract, over the same services as the router. */
export function registerRest(app: FastifyInstance, options: RestOptions): void {
  const { services } = options
  app.setErrorHandler((error, request, reply) => sendProblem(services.log, error, request, reply))
  const known = new KnownPaths()
  answerUnknown(app, known, services)
  const routes = createRoutes(options)
  app.register(async (scope) => {
    scope.addHook('onRoute', (route) => known.add(route))
    registerRoute(scope, routes.metrics, routeServices(options))
    registerGuarded(scope, options, routes)
  })
}

type Routes = { guarded: Route[]; metrics: Route; documented: DocumentedRoute[]; site: OpenSite }

/** The routes that ask who calls or are open, the one that asks by itself, all that are documented, and the guides. */
export function createRoutes(options: RestOptions): Routes {
  const site = siteIn()
  const service = [...serviceRoutes(options), ...siteRoutes(site), ...errorPageRoutes()]
  const metrics = metricsRoute(options.services, options)
  return {
    guarded: [...service, ...options.routes],
    metrics,
    documented: [...service, docsPage, metrics, ...options.routes],
    site,
  }
}

function routeServices({ services, know }: RestOptions): RouteServices {
  return { answers: services.answers, quotas: services.quotas, know }
}

/** What no route is for: another method where the path is known, else another path. */
function answerUnknown(app: FastifyInstance, known: KnownPaths, { log }: TransportServices): void {
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
function registerGuarded(app: FastifyInstance, options: RestOptions, routes: Routes): void {
  const { guarded, documented, site } = routes
  const { services } = options
  app.register(async (rest) => {
    rest.decorateRequest('caller', undefined)
    registerBodies(rest)
    rest.addHook('onRequest', async (request: FastifyRequest, reply: FastifyReply) => {
      const { access, uncounted } = request.routeOptions.config
      // What takes a token is for its bearer: neither a browser nor a proxy is to keep it.
      if (access !== 'open') reply.header('cache-control', 'no-store')
      const identity = await services.authenticator.identify(
        bearerToken(request.headers.authorization),
        request.ip,
      )
      if (!(identity instanceof OgentError)) options.know(request.raw.socket)
      const refusal = uncounted ? undefined : await countRequest(services, { request, reply, identity })
      if (refusal) throw refusal
      request.caller = checkAccess(services.policy, identity, access)
    })
    rest.addHook('preHandler', async (request: FastifyRequest, reply: FastifyReply) => {
      const { access, live } = request.routeOptions.config
      if (live) countLive(services, request, reply)
      else if (access !== 'open' && request.method === 'GET') {
        await holdRead(services.quotas, callerOf(request).name, reply)
      }
    })
    for (const route of guarded) if (!route.list) registerRoute(rest, route, routeServices(options))
    registerLists(
      rest,
      guarded.filter(({ list }) => list),
      routeServices(options),
    )
    registerSite(rest, site)
    registerDocs(rest, documentRoute(options.version, documented), routeServices(options))
  })
}

/** Lists are compressed, and those who ask again say what they have: of that nothing is sent twice. */
function registerLists(app: FastifyInstance, routes: Route[], services: RouteServices): void {
  app.register(async (lists) => {
    // A weak tag, of what is said: its bytes differ by their encoding.
    await lists.register(etag, { algorithm: 'sha1', weak: true })
    await lists.register(compress, {
      encodings: ['br', 'gzip'],
      // The best that Brotli can do takes a second for what this does in milliseconds.
      brotliOptions: { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } },
    })
    for (const route of routes) registerRoute(lists, route, services)
  })
}

/** A reply that lasts as long as a command does is one of those that a user may have so many of. */
function countLive(
  { quotas, authenticator }: TransportServices,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  const caller = callerOf(request)
  const leave = quotas.subscriptions.take(caller.name)
  // A client that is gone by now says so no second time.
  if (reply.raw.closed) return leave()
  const unwatch = authenticator.watch(caller, () => reply.raw.destroy())
  reply.raw.once('close', () => {
    leave()
    unwatch()
  })
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
