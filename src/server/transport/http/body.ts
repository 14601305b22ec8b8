import type { FastifyInstance } from 'fastify'
import { OgentError } from '../../../shared/errors.js'

/**
 * What the routes of this scope take as a body: JSON, and nothing where not a byte was sent, regardless of the
 * type that is named. Clients name a type for every request, also for those that have no body.
 */
export function registerBodies(app: FastifyInstance): void {
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    // Asked for as a string, which is what it is.
    void parseJson(request, String(body), done)
  })
  // Fastify reads texts by itself; what is no JSON is to run nothing.
  app.removeContentTypeParser('text/plain')
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (request, body, done) => {
    if (body.length === 0) return done(null, undefined)
    const type = request.headers['content-type']?.split(';', 1)[0] ?? 'A body without a type'
    done(
      new OgentError('UNSUPPORTED_MEDIA_TYPE', `${type} is not taken here: send application/json.`),
      undefined,
    )
  })
}
