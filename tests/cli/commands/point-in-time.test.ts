import { expect, test } from 'vitest'
import { pointInTime } from '../../../src/cli/commands/point-in-time.js'

const now = Date.UTC(2026, 10, 30, 12)

test.each([
  ['90s', '2026-11-30T11:58:30.000Z'],
  ['30m', '2026-11-30T11:30:00.000Z'],
  ['2h', '2026-11-30T10:00:00.000Z'],
  ['3d', '2026-11-27T12:00:00.000Z'],
  ['1w', '2026-11-23T12:00:00.000Z'],
  ['0s', '2026-11-30T12:00:00.000Z'],
  ['2026-11-30T12:00:00Z', '2026-11-30T12:00:00.000Z'],
  ['2026-11-30T12:00:00.5+02:00', '2026-11-30T10:00:00.500Z'],
])('%s is the time %s', (text, time) => {
  expect(pointInTime('--since', text, now)).toBe(time)
})

test('a day begins at midnight here, and a time without a zone is one of here', () => {
  expect(pointInTime('--since', '2026-11-30')).toBe(new Date(2026, 10, 30).toISOString())
  expect(pointInTime('--since', '2026-07-01T08:30:00')).toBe(new Date(2026, 6, 1, 8, 30).toISOString())
})

test.each(['', '2', '2 h', '-2h', 'h', '2026-02-30', '2026-11-31T00:00:00Z', 'yesterday', '9999999d'])(
  '%j is refused with what is taken',
  (text) => {
    expect(() => pointInTime('--until', text)).toThrow(/^--until takes how long ago \(90s, .*, got /)
  },
)

test('longer ago than any command is 1970', () => {
  expect(pointInTime('--since', '999999w', now)).toBe('1970-01-01T00:00:00.000Z')
})
