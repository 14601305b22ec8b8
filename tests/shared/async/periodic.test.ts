import { expect, test, vi } from 'vitest'
import { Periodic } from '../../../src/shared/async/periodic.js'

test('a periodic task runs one call at a time, and again after one that failed', async () => {
  const errors: unknown[] = []
  let under = 0
  let calls = 0
  const failure = new Error('this time not')
  let resolve = () => {}
  const third = new Promise<void>((done) => {
    resolve = done
  })
  const periodic = new Periodic({
    everyMs: 1,
    onError: (error) => errors.push(error),
    async act() {
      expect(++under).toBe(1)
      await new Promise((done) => setTimeout(done, 5))
      under -= 1
      calls += 1
      if (calls === 1) throw failure
      if (calls === 3) resolve()
    },
  })
  await third
  periodic.close()
  expect(errors).toEqual([failure])
})

test('a periodic task runs at once when that is requested, and not again when it is closed', () => {
  vi.useFakeTimers()
  try {
    let calls = 0
    const act = async () => {
      calls += 1
    }
    const later = new Periodic({ everyMs: 10, act, onError() {} })
    expect(calls).toBe(0)
    later.close()
    const atOnce = new Periodic({ everyMs: 10, act, onError() {}, atOnce: true })
    expect(calls).toBe(1)
    atOnce.close()
    vi.advanceTimersByTime(100)
    expect(calls).toBe(1)
  } finally {
    vi.useRealTimers()
  }
})
