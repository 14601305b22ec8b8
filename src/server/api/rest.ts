import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../shared/errors.js'
import { loginSchema } from '../../shared/identity.js'
import { bearerToken, identify } from './identify.js'
import { sendProblem } from './problem.js'
import { registerAgentRoutes } from './rest-agents.js'
import { registerCommandRoutes } from './rest-commands.js'
import { registerRecordingRoute } from './rest-recording.js'
import { callerOf, parse } from './rest-request.js'
import { checkAccess, type Services } from './trpc.js'

export type RestOptions = {
  services: Services
  /** The state of each dependency; `ready` where all is well. */
  ready: () => Promise<Record<string, string>>
  version: string
}

/** The REST API of the contract, over the same services as the router. */
export function registerRest(app: FastifyInstance, options: RestOptions): void {
  const { services } = options
  app.setErrorHandler((error, request, reply) => sendProblem(services.log, error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const problem = new OgentError('NOT_FOUND', `There is no ${request.method} ${pathOf(request)}.`)
    return sendProblem(services.log, problem, request, reply)
  })
  app.register(async (rest) => {
    rest.decorateRequest('caller', undefined)
    rest.addHook('onRequest', async (request: FastifyRequest) => {
      const { access } = request.routeOptions.config
      const identity = await identify(services.login, bearerToken(request.headers.authorization))
      request.caller = checkAccess(identity, access)
    })
    registerOpenRoutes(rest, options)
    registerAgentRoutes(rest, services)
    registerCommandRoutes(rest, services)
    registerRecordingRoute(rest, services)
  })
}

function registerOpenRoutes(app: FastifyInstance, options: RestOptions): void {
  const { services, version } = options
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

  app.post('/token', { config: { access: 'open' } }, async (request, reply) => {
    const credentials = parse(loginSchema, request.body, 'body')
    reply.header('cache-control', 'no-store')
    return services.login.login(credentials)
  })

  app.get('/users/me', { config: { access: 'any' } }, async (request) => {
    const { username, role } = callerOf(request)
    return { username, role }
  })
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?', 1)[0] ?? request.url
}
