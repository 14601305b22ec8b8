import { describe, expect, test } from 'vitest'
import { LoginQueue, type Place } from '../../../src/server/access/login-queue.js'

/** Work that ends when the test says so. */
function workAt(queue: LoginQueue) {
  const started: string[] = []
  const ends: (() => void)[] = []
  const take = (name: string, place: Partial<Place> = {}) => {
    const work = () =>
      new Promise<void>((resolve) => {
        started.push(name)
        ends.push(resolve)
      })
    const taken = queue.take({ network: name, familiar: false, ...place }, work)
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

describe('a queue of logins', () => {
  test('alternates between the networks when one of them asks again and again', async () => {
    const { started, take, endOne } = workAt(new LoginQueue(1, 100))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { network: 'flood' })
    take('other')
    for (let n = 0; n < 3; n++) await endOne()
    expect(started).toEqual(['first', 'flood-0', 'other', 'flood-1'])
  })

  test('prefers familiar logins and still serves the others when both wait', async () => {
    const { started, take, endOne } = workAt(new LoginQueue(1, 1000))
    take('first')
    for (let n = 0; n < 100; n++) take(`stranger-${n}`)
    for (let n = 0; n < 4; n++) take(`known-${n}`, { familiar: true })
    for (let n = 0; n < 6; n++) await endOne()
    const known = started.filter((name) => name.startsWith('known'))
    expect(known).toHaveLength(4)
    expect(started.length - known.length).toBe(3)
  })

  test('skips a caller whose signal is aborted while it waits', async () => {
    const queue = new LoginQueue(1, 100)
    const { started, take, endOne } = workAt(queue)
    take('first')
    const gone = new AbortController()
    const left = take('gone', { signal: gone.signal })
    take('stays')
    expect(queue.waiting).toBe(2)
    gone.abort()
    await expect(left).rejects.toMatchObject({ code: 'CLOSED' })
    expect(queue.waiting).toBe(1)
    await endOne()
    expect(started).toEqual(['first', 'stays'])
  })

  test('refuses a network that fills half of the queue when others still find room', async () => {
    const { take } = workAt(new LoginQueue(1, 10))
    take('first')
    for (let n = 0; n < 5; n++) take(`flood-${n}`, { network: 'flood' })
    await expect(take('flood-5', { network: 'flood' })).rejects.toMatchObject({ code: 'UNAVAILABLE' })
    const other = take('other')
    expect(await Promise.race([other, 'waits'])).toBe('waits')
  })

  test('frees the place when the work fails', async () => {
    const queue = new LoginQueue(1, 10)
    await expect(
      queue.take({ network: 'a', familiar: false }, () => Promise.reject(new Error('no'))),
    ).rejects.toThrow('no')
    expect(await queue.take({ network: 'b', familiar: false }, async () => 'done')).toBe('done')
  })

  test('refuses a caller at once when its signal is already aborted', async () => {
    const queue = new LoginQueue(1, 10)
    const { take, endOne } = workAt(queue)
    take('first')
    await expect(take('gone', { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: 'CLOSED' })
    expect(queue.waiting).toBe(0)
    await endOne()
  })
})
