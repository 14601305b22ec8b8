import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { LEASE_MS, Membership } from '../../../src/server/cluster/membership.js'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

/** What the store answers to renewals, one after the other. */
function membership(...answers: (boolean | Error)[]) {
  const told: string[] = []
  const made = new Membership({
    async renew(ms) {
      expect(ms).toBe(LEASE_MS)
      const answer = answers.shift()
      if (answer === undefined) throw new Error('the test gives no more answers')
      if (answer instanceof Error) throw answer
      return answer
    },
    async onLapsed() {
      told.push('lapsed')
    },
    onLost: (error) => told.push(`lost: ${String(error)}`),
  })
  return { membership: made, told }
}

const away = new Error('away')

describe('the lease of a controller', () => {
  test('is acquired by the first renewal, even when the store had another before', async () => {
    const { membership: first, told } = membership(false)
    await first.renew()
    expect(told).toEqual([])
    expect(first.isSteady).toBe(true)
  })

  test('is not acquired when the first renewal fails', async () => {
    const { membership: first, told } = membership(away)
    await expect(first.renew()).rejects.toBe(away)
    expect(told).toEqual([])
  })

  test('continues without an event when it is renewed in time', async () => {
    const { membership: renewed, told } = membership(false, true, true)
    for (let n = 0; n < 3; n++) {
      await renewed.renew()
      vi.advanceTimersByTime(LEASE_MS - 1)
    }
    expect(told).toEqual([])
    expect(renewed.isSteady).toBe(true)
  })

  test('is reported as lapsed when the store says so, and is not steady for a while', async () => {
    const { membership: late, told } = membership(false, false)
    await late.renew()
    await late.renew()
    expect(told).toEqual(['lapsed'])
    expect(late.isSteady).toBe(false)
    vi.advanceTimersByTime(LEASE_MS - 1)
    expect(late.isSteady).toBe(false)
    vi.advanceTimersByTime(1)
    expect(late.isSteady).toBe(true)
  })

  test('is lost when it could not be renewed for its whole term, and not before', async () => {
    const { membership: cut, told } = membership(false, away, away)
    await cut.renew()
    vi.advanceTimersByTime(LEASE_MS - 1)
    await expect(cut.renew()).rejects.toBe(away)
    expect(told).toEqual([])
    vi.advanceTimersByTime(1)
    await expect(cut.renew()).rejects.toBe(away)
    expect(told).toEqual(['lost: Error: away'])
    expect(cut.isSteady).toBe(false)
  })

  test('is not steady for a term after the store was away', async () => {
    const { membership: back } = membership(false)
    await back.renew()
    back.unsettle()
    expect(back.isSteady).toBe(false)
    vi.advanceTimersByTime(LEASE_MS)
    expect(back.isSteady).toBe(true)
  })
})
