export type SleepOptions = {
  /** Ends the wait: the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Whether the timer lets the process end meanwhile; Node.js only. Default: false. */
  unref?: boolean
}

/** Resolves after `ms`. Rejects with the reason of `signal` as soon as it is aborted, at once when it already is. */
export function sleep(ms: number, { signal, unref = false }: SleepOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    }, ms)
    if (unref) timer.unref()
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
