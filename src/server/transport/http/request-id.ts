import type { IncomingMessage } from 'node:http'
import type { FastifyInstance } from 'fastify'
import { newId } from '../../../shared/id.js'

/** An id of a client's own that a log can hold as it is. */
const GIVEN_ID = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/

/** The id of a request: its own `Request-Id` or `X-Request-Id`, else a new one. */
export function requestIdOf({ headers }: Pick<IncomingMessage, 'headers'>): string {
  const given = headers['request-id'] ?? headers['x-request-id']
  return typeof given === 'string' && GIVEN_ID.test(given) ? given : newId()
}

/** Names in every answer the request that it is for, and the version that answers: for reports of what went wrong. */
export function nameAnswers(app: FastifyInstance, version: string): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id).header('ogent-version', version)
  })
}
