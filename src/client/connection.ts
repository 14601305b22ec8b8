import { createTRPCClient, type TRPCClient } from '@trpc/client'
import type { AppRouter } from '../server/app-router.js'
import { ownError, toOgentError } from './errors.js'
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
  /** After a refused token: whether a fresh one can be had. */
  renewToken(): boolean
  /**
   * Makes a call that may be made twice: again after a lost connection, for a while, and once with a fresh token. The
   * options are the caller's, and what `act` gets of them is what each try takes.
   */
  call<T>(act: (options: CallOptions) => Promise<T>, options?: CallOptions): Promise<T>
}

export function createConnection(pool: SessionPool, firstContactMs: number): Connection {
  const trpc = createTRPCClient<AppRouter>({ links: [sessionLink(() => pool.get())] })
  const connection: Connection = {
    pool,
    trpc,
    firstContactMs,
    renewToken: () => pool.renew(),
    call: (act, { signal } = {}) => attempt(() => act({ signal }), connection, signal),
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
    signal?.throwIfAborted()
    try {
      return await act()
    } catch (cause) {
      signal?.throwIfAborted()
      const error = toOgentError(cause)
      if (error.code === 'UNAUTHORIZED' && !renewed && renewToken()) {
        renewed = true
        continue
      }
      if (error.code !== 'CONNECTION_LOST' || performance.now() - began > firstContactMs)
        throw ownError(error)
      await retryPause(signal)
    }
  }
}
