import { TRPCClientError, type TRPCLink } from '@trpc/client'
import { observable } from '@trpc/server/observable'
import type { AppRouter } from '../../server/app-router.js'
import { OgentError } from '../../shared/errors.js'
import { Aborted } from '../errors.js'
import type { Session } from './session.js'

/** Gives the session for a call: the one that is open, or a fresh one. */
export type SessionSource = () => Session | Promise<Session>

/** A terminating tRPC link over sessions; the wire is tRPC's own, so either end may be a stock one. */
export function sessionLink(source: SessionSource): TRPCLink<AppRouter> {
  return () =>
    ({ op }) =>
      observable((observer) => {
        let stop: (() => void) | undefined
        let stopped = false
        const fail = (error: unknown) => observer.error(TRPCClientError.from(toError(error)))
        const begin = (session: Session) => {
          if (stopped) return
          stop = session.call(op, {
            started: () => observer.next({ result: { type: 'started' } }),
            data: (data) => observer.next({ result: { type: 'data', data } }),
            error: (error) => {
              if (error instanceof OgentError) return fail(error)
              // An error reply has tRPC's shape; `from` checks it and says so if it has not.
              observer.error(TRPCClientError.from({ error: error.shape } as never))
            },
            complete: () => {
              if (op.type === 'subscription') observer.next({ result: { type: 'stopped' } })
              observer.complete()
            },
          })
        }
        const { signal } = op
        const onAbort = () => {
          stopped = true
          stop?.()
          if (op.type === 'subscription') observer.complete()
          else fail(new Aborted(signal?.reason))
        }
        if (signal?.aborted) return onAbort()
        signal?.addEventListener('abort', onAbort, { once: true })
        const session = source()
        // A session that is open gets the call in this very tick, so that calls of one tick share a frame.
        if (session instanceof Promise) session.then(begin, fail)
        else begin(session)
        return () => {
          signal?.removeEventListener('abort', onAbort)
          stopped = true
          stop?.()
        }
      })
}

function toError(cause: unknown): Error {
  return cause instanceof Error ? cause : new OgentError('CONNECTION_LOST', String(cause), { cause })
}
