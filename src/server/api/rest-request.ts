import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { OgentError } from '../../shared/errors.js'
import type { Access } from '../../shared/identity.js'
import type { ProvenIdentity } from '../core/ports.js'
import { type Source, toIssues } from './validation.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may use the route; one that names nobody is closed to all. */
    access?: Access
    /** Whether the reply may last as long as a command does. */
    live?: boolean
  }
  interface FastifyRequest {
    /** Who calls; set on every route but the open ones. */
    caller: ProvenIdentity | undefined
  }
}

/** Who calls, on a route that is not open. */
export function callerOf(request: FastifyRequest): ProvenIdentity {
  if (!request.caller) throw new OgentError('UNAUTHORIZED', 'Not authenticated')
  return request.caller
}

/** Aborts when the client goes before its reply is whole. */
export function goneSignal(reply: FastifyReply): AbortSignal {
  const gone = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort()
  })
  return gone.signal
}

/** What came by REST as the schema has it, or VALIDATION_FAILED with every field that is wrong. */
export function parse<T extends z.ZodType>(schema: T, value: unknown, source: Source): z.output<T> {
  const parsed = schema.safeParse(value ?? {})
  if (parsed.success) return parsed.data
  const issues = toIssues(parsed.error, source)
  const said = issues.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ')
  throw new OgentError('VALIDATION_FAILED', said, { issues })
}
