import { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import type { Access } from '../../../shared/access/actions.js'
import { OgentError } from '../../../shared/errors.js'
import type { Caller } from '../caller.js'
import { type Source, toIssues } from './validation.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route; one that names no access is closed to all. */
    access?: Access
    /** Whether the reply may last as long as a command does. */
    live?: boolean
    /** Whether its requests count against no limit: what probes, scrapers and people ask the controller about itself. */
    uncounted?: boolean
  }
  interface FastifyRequest {
    /** Who calls; set on every route but the open ones. */
    caller: Caller | undefined
    /** The same of a call of tRPC's, or why that is not known. */
    identity: Caller | OgentError | undefined
  }
}

/** Who calls, on a route that is not open. */
export function callerOf(request: FastifyRequest): Caller {
  if (!request.caller) throw new OgentError('UNAUTHORIZED', 'Not authenticated')
  return request.caller
}

/** Aborts when the reply is over: it is whole, or the client has gone. A finished one may have left something unread. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  if (reply.raw.closed) gone.abort()
  else reply.raw.once('close', () => gone.abort())
  return gone.signal
}

/**
 * Sends what comes as the client reads it: a slow one holds up only itself. The headers leave at once, however long the
 * first of it takes, and proxies are asked to hold nothing back. To HEAD the headers are all.
 */
export function sendLive(
  request: FastifyRequest,
  reply: FastifyReply,
  source: AsyncIterable<Uint8Array | string>,
) {
  // Known to nginx and those that follow it.
  reply.header('x-accel-buffering', 'no').header('cache-control', 'no-store')
  if (request.method === 'HEAD') return reply.send()
  return reply.send(
    Readable.from(headersFirst(reply, source), { objectMode: false, highWaterMark: 64 * 1024 }),
  )
}

/** Begun when the reply begins to read: its headers are set by then. */
async function* headersFirst<T>(reply: FastifyReply, source: AsyncIterable<T>): AsyncGenerator<T> {
  reply.raw.flushHeaders()
  yield* source
}

/** The trace that a request is a part of (W3C Trace Context): the header, where there is one. */
export function traceOf({ headers: { traceparent } }: FastifyRequest): string | undefined {
  return Array.isArray(traceparent) ? undefined : traceparent
}

/** What came by REST as the schema has it, or VALIDATION_FAILED with every field that is wrong. */
export function parse<T extends z.ZodType>(schema: T, value: unknown, source: Source): z.output<T> {
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const issues = toIssues(parsed.error, source)
  const said = issues.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ')
  throw new OgentError('VALIDATION_FAILED', said, { issues })
}
