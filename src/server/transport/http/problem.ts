import type { FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorTable, OgentError, retryAfter } from '../../../shared/errors.js'
import type { Log } from '../../telemetry/ports.js'
import { errorPagePath } from '../error-pages/pages.js'
import { knownError } from '../trpc/trpc.js'
import { isPeerGone } from './peer-gone.js'

/** Answers any error as `application/problem+json` (RFC 9457), with what the original's clients read. */
export function sendProblem(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply) {
  const known = fromFastify(error) ?? knownError(error)
  if (known.code === 'INTERNAL' && !isPeerGone(error)) {
    log.error(
      {
        err: error,
        request_id: request.id,
        method: request.method,
        route: request.routeOptions.url,
        ...idsIn(request),
      },
      'a request failed unexpectedly',
    )
  }
  if (known.code === 'UNAUTHORIZED') reply.header('www-authenticate', 'Bearer')
  const wait = retryAfter(known)
  if (wait !== undefined) reply.header('retry-after', String(wait))
  // Serialised here: Fastify would add a charset, which this media type does not have.
  return reply
    .status(known.status)
    .header('content-type', 'application/problem+json')
    .serializer((body: unknown) => JSON.stringify(body))
    .send(problemOf(known, request.id))
}

/** `request_id`: of what was read as a request. */
export function problemOf(error: OgentError, request_id?: string) {
  const { code, status } = error
  const wait = retryAfter(error)
  return {
    type: errorPagePath(code),
    title: errorTable[code].title,
    status,
    // The list is what the original's clients read of a 422.
    detail: error.issues ?? error.message,
    ...(error.issues ? { summary: error.message } : {}),
    code,
    ...(request_id === undefined ? {} : { request_id }),
    ...(error.risks === undefined ? {} : { risks: error.risks }),
    ...(wait === undefined ? {} : { retry_after_seconds: wait }),
  }
}

/** The ids of the path: `agent_id`, `command_id`. */
function idsIn({ params }: FastifyRequest): object {
  return typeof params === 'object' && params !== null ? params : {}
}

const byStatus: Record<number, ErrorCode> = {
  400: 'BAD_REQUEST',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  413: 'PAYLOAD_TOO_LARGE',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  429: 'RATE_LIMITED',
}

/** Fastify's own errors about a request carry a status below 500; their sentences hold nothing secret. */
function fromFastify(error: unknown): OgentError | undefined {
  if (!(error instanceof Error) || error instanceof OgentError) return undefined
  const status = 'statusCode' in error ? Number(error.statusCode) : 500
  if (!(status >= 400 && status < 500)) return undefined
  return new OgentError(byStatus[status] ?? 'BAD_REQUEST', error.message, { cause: error })
}
