import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import { describe, expect, test, vi } from 'vitest'
import { resolvesWithin, withTimeout } from '../../../src/shared/async/timeout.js'
import { repository } from '../../support/samples.js'

const LONG_MS = 600_000
const never = new Promise<never>(() => {})
const late = () => 'late'

/** Timers of this process that hold it. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
}

describe('withTimeout', () => {
  test('resolves with the value when the promise resolves in time', async () => {
    expect(await withTimeout(Promise.resolve(1), LONG_MS, late)).toBe(1)
  })

  test('rejects with the error when the promise rejects in time', async () => {
    const error = new Error('failed')
    await expect(withTimeout(Promise.reject(error), LONG_MS, late)).rejects.toBe(error)
  })

  test('resolves with what late returns when the promise takes longer', async () => {
    expect(await withTimeout(never, 1, late)).toBe('late')
  })

  test('rejects with what late throws when the promise takes longer', async () => {
    const error = new Error('too slow')
    const refuse = () => {
      throw error
    }
    await expect(withTimeout(never, 1, refuse)).rejects.toBe(error)
  })

  test('takes the value of a promise that is settled already when there is no time at all', async () => {
    expect(await withTimeout(Promise.resolve(1), 0, late)).toBe(1)
  })

  test('calls late at most once, and not when the promise was in time', async () => {
    const called = vi.fn(late)
    await withTimeout(Promise.resolve(1), 1, called)
    await withTimeout(never, 1, called)
    expect(called).toHaveBeenCalledOnce()
  })

  test('rejects with the reason when its signal is aborted meanwhile', async () => {
    const stop = new AbortController()
    const waiting = withTimeout(never, LONG_MS, late, { signal: stop.signal })
    const reason = new Error('stopped')
    stop.abort(reason)
    await expect(waiting).rejects.toBe(reason)
  })

  test('rejects with the reason when its signal is already aborted', async () => {
    const reason = new Error('stopped')
    const waiting = withTimeout(Promise.resolve(1), LONG_MS, late, { signal: AbortSignal.abort(reason) })
    await expect(waiting).rejects.toBe(reason)
  })

  test.each<[string, (signal: AbortSignal, stop: () => void) => Promise<unknown>]>([
    ['the promise resolves', (signal) => withTimeout(Promise.resolve(1), LONG_MS, late, { signal })],
    ['the promise rejects', (signal) => withTimeout(Promise.reject(new Error()), LONG_MS, late, { signal })],
    ['the time is over', (signal) => withTimeout(never, 1, late, { signal })],
    [
      'the signal is aborted',
      (signal, stop) => {
        const waiting = withTimeout(never, LONG_MS, late, { signal })
        stop()
        return waiting
      },
    ],
  ])('leaves neither a timer nor a listener when %s', async (_when, wait) => {
    const before = timers()
    const stop = new AbortController()
    const added = vi.spyOn(stop.signal, 'addEventListener')
    const removed = vi.spyOn(stop.signal, 'removeEventListener')
    await wait(stop.signal, () => stop.abort()).catch(() => {})
    expect(timers()).toBe(before)
    expect(added).toHaveBeenCalledOnce()
    expect(removed.mock.calls[0]?.slice(0, 2)).toEqual(added.mock.calls[0]?.slice(0, 2))
  })

  test.each([
    ['its time is over', () => withTimeoutThatRejectsLater(new AbortController())],
    ['its signal is aborted', () => withTimeoutThatRejectsLater(aborted())],
  ])('handles the rejection of a promise that rejects after %s', async (_when, run) => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    try {
      await run()
      // Node.js tells of unhandled rejections before it runs immediates.
      await new Promise(setImmediate)
      expect(unhandled).not.toHaveBeenCalled()
    } finally {
      process.off('unhandledRejection', unhandled)
    }
  })

  test.each([
    ['lets the process end', true, 'ended\n'],
    ['holds the process', false, 'late\nended\n'],
  ])('%s when unref is %s', async (_what, unref, said) => {
    const { stdout } = await promisify(execFile)(process.execPath, [
      '--input-type=module',
      '--eval',
      `import { withTimeout } from ${JSON.stringify(`${repository}dist/shared/async/timeout.js`)}
       process.on('exit', () => console.log('ended'))
       void withTimeout(new Promise(() => {}), 200, () => console.log('late'), { unref: ${unref} })`,
    ])
    expect(stdout).toBe(said)
  })
})

describe('resolvesWithin', () => {
  test('is true when the promise resolves in time, even with false', async () => {
    expect(await resolvesWithin(Promise.resolve(false), LONG_MS)).toBe(true)
  })

  test('is false when the promise takes longer', async () => {
    expect(await resolvesWithin(never, 1)).toBe(false)
  })

  test('rejects with the error when the promise rejects in time', async () => {
    const error = new Error('failed')
    await expect(resolvesWithin(Promise.reject(error), LONG_MS)).rejects.toBe(error)
  })

  test('rejects with the reason when its signal is aborted', async () => {
    const signal = AbortSignal.abort(new Error('stopped'))
    await expect(resolvesWithin(never, LONG_MS, { signal })).rejects.toBe(signal.reason)
  })
})

function aborted(): AbortController {
  const stop = new AbortController()
  stop.abort(new Error('stopped'))
  return stop
}

/** Waits to no avail, and has the promise reject after that. */
async function withTimeoutThatRejectsLater({ signal }: AbortController): Promise<void> {
  const failing = new AbortController()
  const failed = once(failing.signal, 'abort').then(() => {
    throw new Error('failed too late')
  })
  await withTimeout(failed, 1, late, { signal }).catch(() => {})
  failing.abort()
}
