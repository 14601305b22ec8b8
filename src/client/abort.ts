import { Aborted } from './errors.js'

/** Settles as `promise` does, or rejects with `Aborted` as soon as the signal is. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(new Aborted(signal.reason))
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
  })
}

/** The same items until the signal is aborted, then the end, as at a `break`. */
export function untilAborted<T>(items: AsyncIterable<T>, signal: AbortSignal | undefined): AsyncIterable<T> {
  if (!signal) return items
  return { [Symbol.asyncIterator]: () => leftAtAbort(items[Symbol.asyncIterator](), signal) }
}

/** Of an iterator whose `return` ends a `next` that waits. */
function leftAtAbort<T>(iterator: AsyncIterator<T>, signal: AbortSignal): AsyncIterator<T> {
  const leave = () => void iterator.return?.()
  const release = () => signal.removeEventListener('abort', leave)
  signal.addEventListener('abort', leave, { once: true })
  if (signal.aborted) leave()
  return {
    async next() {
      const result = await iterator.next()
      if (result.done) release()
      return result
    },
    async return() {
      release()
      await iterator.return?.()
      return { done: true, value: undefined }
    },
  }
}
