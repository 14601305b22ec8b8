import { createHash, timingSafeEqual } from 'node:crypto'
import type { Socket } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'
import type { TransportServices } from '../services.js'
import { checkAccess } from '../trpc/trpc.js'
import { bearerToken } from './bearer-token.js'
import type { Route } from './route.js'
import { Guesses } from './token-guesses.js'

export type MetricsOptions = {
  /** What Prometheus reads. */
  metrics: () => Promise<{ type: string; text: string }>
  /** A token that opens the metrics and nothing else: a scraper cannot log in anew every half hour. */
  metricsToken: string | undefined
  /** Called when a request on this connection has proven who calls. */
  know: (connection: Socket) => void
}

type MetricsServices = Pick<TransportServices, 'authenticator' | 'policy'>

/** Takes the token of the metrics, or that of a viewer, so it checks tokens itself. */
export function metricsRoute(services: MetricsServices, options: MetricsOptions): Route {
  const guesses = new Guesses()
  return {
    method: 'GET',
    path: '/metrics',
    id: 'metrics',
    tag: 'service',
    summary: 'Give metrics for Prometheus',
    description: 'Takes the value of `METRICS_TOKEN` as well, where the controller has one.',
    access: 'service.view',
    replies: {
      200: {
        description: 'The metrics, as text.',
        content: { 'text/plain': { plain: 'string', example: 'ogent_agents{status="connected"} 3\n' } },
      },
    },
    errors: ['RATE_LIMITED'],
    handle: async ({ request, reply }) => {
      await admit(request, services, guesses, options)
      const { type, text } = await options.metrics()
      return reply.header('cache-control', 'no-store').type(type).send(text)
    },
  }
}

async function admit(
  request: FastifyRequest,
  { authenticator, policy }: MetricsServices,
  guesses: Guesses,
  { metricsToken, know }: MetricsOptions,
): Promise<void> {
  const token = bearerToken(request.headers.authorization)
  await guesses.assertFew(request.ip)
  if (token === undefined || metricsToken === undefined || !isSame(token, metricsToken)) {
    const identity = await authenticator.identify(token, request.ip)
    if (token !== undefined && identity instanceof OgentError) await guesses.wrong(request.ip)
    checkAccess(policy, identity, request.routeOptions.config.access)
  }
  know(request.raw.socket)
}

/** Hashed first, so that neither the length nor the letters can be guessed from the time it takes. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
