import { createHash, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Login } from '../core/login.js'
import { bearerToken, identify } from './identify.js'
import { checkAccess } from './trpc.js'

export type MetricsOptions = {
  /** What Prometheus reads. */
  metrics: () => Promise<{ type: string; text: string }>
  /** A token that opens the metrics and nothing else: a scraper cannot log in anew every half hour. */
  metricsToken: string | undefined
}

/** `GET /metrics`, for whoever has the token of the metrics, or that of a viewer. */
export function registerMetrics(app: FastifyInstance, login: Login, options: MetricsOptions): void {
  app.get('/metrics', { config: { access: 'viewer' } }, async (request, reply) => {
    await admit(request, login, options.metricsToken)
    const { type, text } = await options.metrics()
    return reply.header('cache-control', 'no-store').type(type).send(text)
  })
}

async function admit(request: FastifyRequest, login: Login, metricsToken: string | undefined): Promise<void> {
  const token = bearerToken(request.headers.authorization)
  if (token !== undefined && metricsToken !== undefined && isSame(token, metricsToken)) return
  checkAccess(await identify(login, token), request.routeOptions.config.access)
}

/** Hashed first, so that neither the length nor the letters can be guessed from the time it takes. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
