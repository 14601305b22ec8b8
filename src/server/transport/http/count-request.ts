import type { FastifyReply, FastifyRequest } from 'fastify'
import type { OgentError } from '../../../shared/errors.js'
import type { Caller } from '../caller.js'
import type { TransportServices } from '../services.js'

/** By what an answer says what its caller may still ask for (draft-ietf-httpapi-ratelimit-headers, up to 06). */
export const rateLimitHeaders = ['RateLimit-Limit', 'RateLimit-Remaining', 'RateLimit-Reset'] as const

type Request = {
  request: FastifyRequest
  reply: FastifyReply
  /** Who asks, or why that is not known. */
  identity: Caller | OgentError
  /** Calls that it holds, each of which counts. */
  calls?: number
}

/** Counts a request, and says in its answer what is left; gives why it is refused, where it is one too many. */
export async function countRequest(
  { requests }: TransportServices,
  { request, reply, identity, calls }: Request,
): Promise<OgentError | undefined> {
  const counted = await requests.count(identity, request.ip, calls)
  if (!counted) return undefined
  const { limit, remaining, reset_seconds, refusal } = counted
  const [ofLimit, ofRemaining, ofReset] = rateLimitHeaders
  reply
    .header(ofLimit, String(limit))
    .header(ofRemaining, String(remaining))
    .header(ofReset, String(reset_seconds))
  if (refusal) reply.header('retry-after', String(reset_seconds))
  return refusal
}
