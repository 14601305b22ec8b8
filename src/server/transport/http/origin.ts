import type { FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'

/**
 * Throws FORBIDDEN for a WebSocket that a web page of another origin opens: browsers do not ask the server first, and
 * say whose page it is. Programs that are no browser send no Origin.
 */
export function checkOrigin(request: FastifyRequest, allowed: string[]): void {
  const { origin } = request.headers
  if (origin === undefined || allowed.includes(origin) || isOwn(origin, request.host)) return
  throw new OgentError('FORBIDDEN', 'Pages of this origin may not connect: it is not one of CORS_ORIGINS.')
}

/** A probe asks for these by any address it has, and learns nothing by them. */
const PROBES = ['/health', '/ready']

/**
 * Throws FORBIDDEN for a request to a name that is not this controller's: a web page may have its own name lead here
 * (DNS rebinding), and then counts as a page of the controller. Throws BAD_REQUEST for two names at once, of which a
 * proxy may have looked at the other.
 */
export function checkHost({ raw, hostname, url }: FastifyRequest, allowed: string[]): void {
  const hosts = raw.rawHeaders.filter((name, at) => at % 2 === 0 && name.toLowerCase() === 'host')
  if (hosts.length > 1) throw new OgentError('BAD_REQUEST', 'A request has one Host header.')
  if (allowed.length === 0 || PROBES.includes(url.split('?', 1)[0] ?? '')) return
  if (allowed.includes(hostname.toLowerCase())) return
  throw new OgentError('FORBIDDEN', 'This controller is not called so: the host is not one of ALLOWED_HOSTS.')
}

/** A page of this very controller. A proxy may speak TLS before it, so the scheme says nothing. */
function isOwn(origin: string, host: string): boolean {
  return URL.canParse(origin) && new URL(origin).host === host.toLowerCase()
}
