import { afterEach, expect, test, vi } from 'vitest'
import { newId } from '../../src/shared/id.js'

afterEach(() => {
  vi.useRealTimers()
})

/** What the first ten digits say, in ms. */
function timeOf(id: string): number {
  const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
  return [...id.slice(0, 10)].reduce((sum, digit) => sum * 32 + digits.indexOf(digit), 0)
}

test('ids are ULIDs of their time, and rise', () => {
  const before = Date.now()
  const ids = Array.from({ length: 20_000 }, newId)
  for (const id of ids) expect(id).toMatch(/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/)
  expect(timeOf(ids[0] ?? '')).toBeGreaterThanOrEqual(before)
  expect(timeOf(ids.at(-1) ?? '')).toBeLessThanOrEqual(Date.now())
  expect(new Set(ids).size).toBe(ids.length)
  expect([...ids].sort()).toEqual(ids)
})

test('ids rise where the clock stays, and where it is set back', () => {
  vi.useFakeTimers({ now: Date.now() + 60_000, toFake: ['Date'] })
  const ids = Array.from({ length: 2000 }, newId)
  vi.setSystemTime(Date.now() - 3_600_000)
  ids.push(...Array.from({ length: 2000 }, newId))
  expect(new Set(ids.map(timeOf)).size).toBe(1)
  expect([...ids].sort()).toEqual(ids)
  expect(new Set(ids).size).toBe(ids.length)
})
