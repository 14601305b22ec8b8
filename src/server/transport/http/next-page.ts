import type { FastifyRequest } from 'fastify'

/** The header `Link` (RFC 8288) of a page that is not the last: the same request, with what it asks for as it was written. */
export function linkToNext({ url }: FastifyRequest, cursor: string, limit: number): string {
  const { pathname, searchParams } = new URL(url, 'http://controller')
  searchParams.set('cursor', cursor)
  searchParams.set('limit', String(limit))
  return `<${pathname}?${searchParams}>; rel="next"`
}
