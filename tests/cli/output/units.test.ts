import { expect, test } from 'vitest'
import { bytesForPeople, durationForPeople } from '../../../src/cli/output/units.js'

test.each([
  [0, '0 B'],
  [999, '999 B'],
  [1000, '1 kB'],
  [1_234_567, '1.23 MB'],
  [999_949, '1 MB'],
  [5e12, '5 TB'],
])('%d bytes are shown as %s', (bytes, shown) => {
  expect(bytesForPeople(bytes)).toBe(shown)
})

test.each([
  [0, '0ms'],
  [3.2, '3ms'],
  [999.6, '999ms'],
  [1000, '1.0s'],
  [1500, '1.5s'],
  [59_999, '59.9s'],
  [60_000, '1m'],
  [61_000, '1m 1s'],
  [119_999, '1m 59s'],
  [3_720_000, '1h 2m'],
  [90_061_000, '1d 1h'],
])('%d ms are shown as %s', (ms, shown) => {
  expect(durationForPeople(ms)).toBe(shown)
})
