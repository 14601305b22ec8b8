import { TRPCClientError } from '@trpc/client'
import { messageOf, OgentError, ogentPart } from '../shared/errors.js'

/** What the caller's own token function threw, on its way through: `ownError` takes it out where it leaves the SDK. */
export class TokenFailure extends OgentError {
  constructor(cause: unknown) {
    // By its code, an OgentError says whether it is worth another try; of all else nothing is known.
    super(
      cause instanceof OgentError ? cause.code : 'INTERNAL',
      `The token function failed: ${messageOf(cause)}`,
      {
        cause,
      },
    )
  }
}

/** That the caller's own signal was aborted, on its way through; its cause is the signal's reason. */
export class Aborted extends OgentError {
  constructor(reason: unknown) {
    super('CANCELLED', 'The signal was aborted.', { cause: reason })
  }
}

/** The error as the caller is to see it: one of the caller's own is given back as it was. */
export function ownError(error: OgentError): unknown {
  return error instanceof TokenFailure || error instanceof Aborted ? error.cause : error
}

/** What a session's call was answered with instead of data. */
export function fromReply(error: { shape: unknown } | OgentError): OgentError {
  if (error instanceof OgentError) return error
  const { message, data } = (error.shape ?? {}) as { message?: unknown; data?: unknown }
  return toldError(data, String(message ?? 'The controller sent an error that cannot be read.'), error)
}

/** What a call threw, as the one error that users of the SDK see. */
export function toOgentError(error: unknown): OgentError {
  if (error instanceof OgentError) return error
  if (!(error instanceof TRPCClientError)) return new OgentError('INTERNAL', String(error), { cause: error })
  if (error.cause instanceof OgentError) return error.cause
  return toldError(error.data, error.message, error)
}

function toldError(data: unknown, message: string, cause: unknown): OgentError {
  const told = ogentPart(data)
  // A reply without data is none of the server's: the connection went while the call was under way.
  if (!told) return new OgentError('CONNECTION_LOST', message, { cause })
  const { code, ...rest } = told
  return new OgentError(code, message, { cause, ...rest })
}
