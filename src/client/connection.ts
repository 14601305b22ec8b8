import { createTRPCClient, type TRPCClient } from '@trpc/client'
import type { AppRouter } from '../server/app-router.js'
import { CallSite, type Subject } from './call-site.js'
import { Aborted, toOgentError } from './errors.js'
import type { CallOptions } from './options.js'
import type { SessionPool } from './transport/pool.js'
import { retryPause } from './transport/retry.js'
import { sessionLink } from './transport/trpc-link.js'

/** What the methods of one client share. */
export type Connection = {
  pool: SessionPool
  trpc: TRPCClient<AppRouter>
  /** How long a controller that cannot be reached is tried for, in ms. */
  firstContactMs: number
  /** Whether runs reject where their command does not succeed, unless they say it themselves. */
  throwOnError: boolean
  /** After a refused token: whether a fresh one can be had. */
  renewToken(): boolean
  /**
   * Makes a call that may be made twice: again after a lost connection, for a while, and once with a fresh token. The
   * options are the caller's, and what `act` gets of them is what each try takes. What it throws names the subject,
   * and has the frames of the site: those of the caller, unless that is given.
   */
  call<T>(
    act: (options: CallOptions) => Promise<T>,
    options?: CallOptions,
    about?: Subject | CallSite,
  ): Promise<T>
}

type Given = Pick<Connection, 'pool' | 'firstContactMs' | 'throwOnError'>

export function createConnection(given: Given): Connection {
  const { pool } = given
  const trpc = createTRPCClient<AppRouter>({ links: [sessionLink(() => pool.get())] })
  const connection: Connection = {
    ...given,
    trpc,
    renewToken: () => pool.renew(),
    call(act, { signal } = {}, about = {}) {
      const site = about instanceof CallSite ? about : new CallSite(connection.call, about)
      return attempt(() => act({ signal }), connection, signal).catch((error) => {
        throw site.error(error)
      })
    },
  }
  return connection
}

async function attempt<T>(
  act: () => Promise<T>,
  { renewToken, firstContactMs }: Connection,
  signal: AbortSignal | undefined,
): Promise<T> {
  const began = performance.now()
  let renewed = false
  while (true) {
    if (signal?.aborted) throw new Aborted(signal.reason)
    try {
      return await act()
    } catch (cause) {
      if (signal?.aborted) throw new Aborted(signal.reason)
      const error = toOgentError(cause)
      if (error.code === 'UNAUTHORIZED' && !renewed && renewToken()) {
        renewed = true
        continue
      }
      if (error.code !== 'CONNECTION_LOST' || performance.now() - began > firstContactMs) throw error
      // Aborted, it is over.
      await retryPause(signal).catch(() => {})
    }
  }
}
