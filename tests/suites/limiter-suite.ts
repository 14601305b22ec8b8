import { describe, expect, test } from 'vitest'
import type { OpenLimiter } from '../../src/server/access/ports.js'
import { until } from '../support/processes.js'

/** What every implementation of the port of limiters does; `open` gives each test limiters of its own store. */
export function limiterSuite(what: string, open: () => Promise<OpenLimiter>): void {
  describe(`limiters ${what}`, () => {
    test('give a key what it has, refuse more, and say when it is there again', async () => {
      const limiter = (await open())({ name: 'give', points: 3, seconds: 60 })
      expect(await limiter.get('a')).toEqual({ remaining: 3, resetMs: 0 })
      for (const remaining of [2, 1, 0]) {
        expect(await limiter.take('a')).toMatchObject({ allowed: true, remaining })
      }
      const refused = await limiter.take('a')
      expect(refused).toMatchObject({ allowed: false, remaining: 0 })
      expect(refused.resetMs).toBeGreaterThan(0)
      expect(refused.resetMs).toBeLessThanOrEqual(60_000)
      expect(await limiter.get('a')).toMatchObject({ remaining: 0, resetMs: expect.any(Number) })
    })

    test('count each key apart, and each limiter', async () => {
      const openLimiter = await open()
      const first = openLimiter({ name: 'first', points: 1, seconds: 60 })
      const second = openLimiter({ name: 'second', points: 1, seconds: 60 })
      expect(await first.take('a {b}')).toMatchObject({ allowed: true })
      expect(await first.take('a {b}')).toMatchObject({ allowed: false })
      expect(await first.take('a')).toMatchObject({ allowed: true })
      expect(await second.take('a {b}')).toMatchObject({ allowed: true })
    })

    test('refuse several at once where a key has fewer left', async () => {
      const limiter = (await open())({ name: 'several', points: 5, seconds: 60 })
      expect(await limiter.take('a', 3)).toMatchObject({ allowed: true, remaining: 2 })
      expect(await limiter.take('a', 3)).toMatchObject({ allowed: false, remaining: 0 })
    })

    test('give no more than there is when it is taken all at once', async () => {
      const limiter = (await open())({ name: 'at-once', points: 10, seconds: 60 })
      const taken = await Promise.all(Array.from({ length: 30 }, () => limiter.take('a')))
      expect(taken.filter(({ allowed }) => allowed)).toHaveLength(10)
    })

    test('take back what was taken, one or all of it', async () => {
      const limiter = (await open())({ name: 'back', points: 2, seconds: 60 })
      await limiter.take('a')
      await limiter.take('a')
      await limiter.giveBack('a')
      expect(await limiter.get('a')).toMatchObject({ remaining: 1 })
      await limiter.take('a')
      await limiter.clear('a')
      expect(await limiter.get('a')).toEqual({ remaining: 2, resetMs: 0 })
    })

    test('take all that a key has, for the whole time from then on', async () => {
      const limiter = (await open())({ name: 'all', points: 5, seconds: 60 })
      await limiter.take('a')
      await limiter.exhaust('a')
      expect(await limiter.get('a')).toMatchObject({ remaining: 0 })
      expect(await limiter.take('a')).toMatchObject({ allowed: false })
    })

    test('give all again once the time is over', async () => {
      const limiter = (await open())({ name: 'over', points: 2, seconds: 1 })
      await limiter.exhaust('a')
      await limiter.take('b', 2)
      await until('the time is over', async () => {
        const [a, b] = await Promise.all([limiter.get('a'), limiter.get('b')])
        return a.remaining === 2 && b.remaining === 2
      })
      expect(await limiter.take('a')).toMatchObject({ allowed: true, remaining: 1 })
    })
  })
}
