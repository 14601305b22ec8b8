export type TimeoutOptions = {
  /** Ends the wait: the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Whether the timer lets the process end meanwhile; Node.js only. Default: false. */
  unref?: boolean
}

/**
 * Settles as `promise` does. Where that takes longer than `ms`, resolves with what `late` returns, or rejects with what
 * it throws. Rejects with the reason of `signal` as soon as it is aborted, at once when it already is. The timer and
 * the listener end with the wait, and `promise` may reject afterwards: that is no unhandled rejection.
 */
export function withTimeout<T, L>(
  promise: PromiseLike<T>,
  ms: number,
  late: () => L,
  { signal, unref = false }: TimeoutOptions = {},
): Promise<T | L> {
  return new Promise((resolve, reject) => {
    const release = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
    const onAbort = () => {
      release()
      reject(signal?.reason)
    }
    const onLate = () => {
      release()
      try {
        resolve(late())
      } catch (error) {
        reject(error)
      }
    }
    const timer = setTimeout(onLate, ms)
    if (unref) timer.unref()
    promise.then(
      (value) => {
        release()
        resolve(value)
      },
      (error) => {
        release()
        reject(error)
      },
    )
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

/** Whether `promise` resolves within `ms`; rejects where it does. */
export function resolvesWithin(
  promise: PromiseLike<unknown>,
  ms: number,
  options: TimeoutOptions = {},
): Promise<boolean> {
  return withTimeout(
    promise.then(() => true),
    ms,
    () => false,
    options,
  )
}
