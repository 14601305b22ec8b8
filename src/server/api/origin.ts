import type { FastifyRequest } from 'fastify'
import { OgentError } from '../../shared/errors.js'

/**
 * Throws FORBIDDEN for a WebSocket that a web page of another origin opens: browsers ask nobody before they do, and
 * say whose page it is. Programs that are no browser send no Origin.
 */
export function checkOrigin(request: FastifyRequest, allowed: string[]): void {
  const { origin } = request.headers
  if (origin === undefined || allowed.includes(origin) || isOwn(origin, request.host)) return
  throw new OgentError('FORBIDDEN', 'Pages of this origin may not connect: it is not one of CORS_ORIGINS.')
}

/** A page of this very controller. A proxy may speak TLS before it, so the scheme says nothing. */
function isOwn(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
