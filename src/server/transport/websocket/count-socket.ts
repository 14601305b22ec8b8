import type { WebSocket } from 'ws'
import { OgentError } from '../../../shared/errors.js'
import { countedAs } from '../caller.js'
import type { Context } from '../trpc/trpc.js'
import { dismiss, dismissAfter } from './dismissal.js'

/** A socket that is one too many is closed after so long, in ms. */
const TOO_MANY_MS = 1000

/** A socket is one of those that its user may have so many of. One that is too many gets the reason, and is closed. */
export function countSocket(context: Context, socket: WebSocket): Context {
  const { identity, services, connection } = context
  if (identity instanceof OgentError) return context
  try {
    const counted = countedAs(identity)
    const leave = services.quotas.connections.take(counted)
    connection.account = counted
    connection.gate?.countUnread(services.answers.unread(counted, () => socket.terminate()))
    if (socket.readyState !== socket.OPEN) {
      leave()
      return context
    }
    const unwatch = services.authenticator.watch(identity, () =>
      dismiss(socket, 4401, 'the account was removed or changed'),
    )
    socket.once('close', () => {
      leave()
      unwatch()
    })
    return context
  } catch (error) {
    dismissAfter(socket, TOO_MANY_MS, 4429, 'too many connections')
    return error instanceof OgentError ? { ...context, identity: error } : context
  }
}
