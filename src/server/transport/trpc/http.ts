import type { FastifyReply, FastifyRequest } from 'fastify'
import { OgentError } from '../../../shared/errors.js'
import type { Caller } from '../caller.js'
import { httpAnswer } from '../http/answers.js'
import { bearerToken } from '../http/bearer-token.js'
import { countRequest } from '../http/count-request.js'
import { traceOf } from '../http/request.js'
import { holdRead } from '../limits/concurrency.js'
import type { TransportServices } from '../services.js'
import type { Context } from './trpc.js'

/** Bytes of a body before the login. */
const STRANGER_BYTES = 8 * 1024

/**
 * Looks at a call of tRPC's over HTTP before its body is read; gives who calls, where that is proven. Throws
 * PAYLOAD_TOO_LARGE, RATE_LIMITED.
 */
export async function openHttpCall(
  services: TransportServices,
  request: FastifyRequest,
  reply: FastifyReply,
  isSubscription: (path: string) => boolean,
): Promise<Caller | undefined> {
  reply.header('cache-control', 'no-store')
  const identity = await services.authenticator.identify(
    bearerToken(request.headers.authorization),
    request.ip,
  )
  request.identity = identity
  if (identity instanceof OgentError) {
    checkStranger(request)
    return undefined
  }
  if (request.method === 'GET' && !isSubscription(pathOf(request))) {
    await holdRead(services.quotas, identity.name, reply)
  }
  return identity
}

/** `calls`: that the request holds, which are counted here: what their paths are is known once tRPC has read them. */
export async function httpContext(
  services: TransportServices,
  request: FastifyRequest,
  reply: FastifyReply,
  calls: number,
): Promise<Context> {
  // Set when the call was opened.
  const { ip, identity = new OgentError('UNAUTHORIZED', 'Not authenticated') } = request
  const refusal = await countRequest(services, { request, reply, identity, calls })
  const answer = httpAnswer(services.answers, request, reply, calls)
  const admit = async (account: string, bytes: number) => {
    await answer.admit(account, bytes)
    // Its calls leave together.
    return () => {}
  }
  return {
    services,
    connection: {
      address: ip,
      binary: false,
      admit,
      writable: async () => {},
      // All calls of a batch are refused alike, each with its own answer.
      countCall: async () => {
        if (refusal) throw refusal
      },
    },
    identity,
    traceparent: traceOf(request),
    request_id: request.id,
  }
}

/** Throws PAYLOAD_TOO_LARGE for a body that is too large before the login, or does not say how large it is. */
function checkStranger({ headers }: FastifyRequest): void {
  const length =
    headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Infinity
  if (length <= STRANGER_BYTES) return
  throw new OgentError(
    'PAYLOAD_TOO_LARGE',
    `Before the login a body takes ${STRANGER_BYTES} bytes, and has to say its length.`,
  )
}

function pathOf({ url }: FastifyRequest): string {
  return url.slice('/trpc/'.length).split('?', 1)[0] ?? ''
}
