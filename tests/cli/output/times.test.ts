import { expect, test } from 'vitest'
import { timeAgo } from '../../../src/cli/output/times.js'

const now = Date.parse('2026-11-30T12:00:00.000Z')
const before = (seconds: number) => new Date(now - seconds * 1000).toISOString()

test.each([
  [0, 'just now'],
  [9.9, 'just now'],
  [-59, 'just now'],
  [10, '10 s ago'],
  [59.9, '59 s ago'],
  [60, '1 min ago'],
  [3599, '59 min ago'],
  [3600, '1 h ago'],
  [86_399, '23 h ago'],
  [86_400, '1 day ago'],
  [2 * 86_400, '2 days ago'],
  [30.9 * 86_400, '30 days ago'],
])('a time %d seconds ago is shown as %s', (seconds, shown) => {
  expect(timeAgo(before(seconds), now)).toBe(shown)
})

test('a time of long ago is shown by its day here, and one ahead of the clock as it is', () => {
  expect(timeAgo('2020-02-03T12:00:00.000Z', now)).toMatch(/^2020-02-0[234]$/)
  expect(timeAgo(before(-61), now)).toBe(before(-61))
  expect(timeAgo('soon', now)).toBe('soon')
})
