import { describe, expect, test } from 'vitest'
import { type Place, Semaphore } from '../../../src/shared/async/semaphore.js'

/** Work that ends when the test says so. */
function workAt(semaphore: Semaphore) {
  const started: string[] = []
  const ends: (() => void)[] = []
  const take = (name: string, place: Partial<Place> = {}) => {
    const work = () =>
      new Promise<void>((resolve) => {
        started.push(name)
        ends.push(resolve)
      })
    const taken = semaphore.take({ key: name, familiar: false, ...place }, work)
    taken.catch(() => {})
    return taken
  }
  const endOne = async () => {
    ends.shift()?.()
    // The place passes on in a few microtasks.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { started, take, endOne }
}

describe('a semaphore', () => {
  test('alternates between the keys when one of them asks repeatedly', async () => {
    const { started, take, endOne } = workAt(new Semaphore(1, 100))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { key: 'flood' })
    take('other')
    for (let n = 0; n < 3; n++) await endOne()
    expect(started).toEqual(['first', 'flood-0', 'other', 'flood-1'])
  })

  test('prefers familiar callers and still serves the others when both wait', async () => {
    const { started, take, endOne } = workAt(new Semaphore(1, 1000))
    take('first')
    for (let n = 0; n < 100; n++) take(`stranger-${n}`)
    for (let n = 0; n < 4; n++) take(`known-${n}`, { familiar: true })
    for (let n = 0; n < 6; n++) await endOne()
    const known = started.filter((name) => name.startsWith('known'))
    expect(known).toHaveLength(4)
    expect(started.length - known.length).toBe(3)
  })

  test('skips a caller whose signal is aborted while it waits', async () => {
    const semaphore = new Semaphore(1, 100)
    const { started, take, endOne } = workAt(semaphore)
    take('first')
    const gone = new AbortController()
    const left = take('gone', { signal: gone.signal })
    take('stays')
    expect(semaphore.waiting).toBe(2)
    gone.abort()
    await expect(left).rejects.toMatchObject({ code: 'CLOSED' })
    expect(semaphore.waiting).toBe(1)
    await endOne()
    expect(started).toEqual(['first', 'stays'])
  })

  test('refuses a key that fills half of the queue, while other keys still find room', async () => {
    const { take } = workAt(new Semaphore(1, 10))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { key: 'flood' })
    await expect(take('flood-5', { key: 'flood' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const other = take('other')
    expect(await Promise.race([other, 'waits'])).toBe('waits')
  })

  test('frees the place when the work fails', async () => {
    const semaphore = new Semaphore(1, 10)
    await expect(
      semaphore.take({ key: 'a', familiar: false }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect(await semaphore.take({ key: 'b', familiar: false }, async () => 'done')).toBe('done')
  })

  test('refuses a caller at once when its signal is already aborted', async () => {
    const semaphore = new Semaphore(1, 10)
    const { take, endOne } = workAt(semaphore)
    take('first')
    await expect(take('gone', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(semaphore.waiting).toBe(0)
    await endOne()
  })
})
