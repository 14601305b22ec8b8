import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareVersions } from '../../../../src/shared/agents/selector/versions.js'

test.each([
  ['1.9', '1.10'],
  ['1.9.9', '1.10'],
  ['1.2.0-rc.1', '1.2.0'],
  ['1.2.0-alpha', '1.2.0-beta'],
  ['1.2.0-rc.2', '1.2.0-rc.10'],
  ['1.2.0', '1.2.0-3'],
  ['6.1.0', '6.1.0-13-amd64'],
  ['6.1.0-9-amd64', '6.1.0-13-amd64'],
  ['1.0a', '1.0.1'],
  ['r9', 'r10'],
  ['9'.repeat(40), `1${'0'.repeat(40)}`],
])('%s comes before %s', (before, after) => {
  expect(compareVersions(before, after)).toBeLessThan(0)
  expect(compareVersions(after, before)).toBeGreaterThan(0)
})

test.each([
  ['1.2', '1.2.0'],
  ['v1.2', '1.2'],
  ['1.02', '1.2'],
  ['', '0'],
])('%s is the same version as %s', (one, other) => {
  expect(compareVersions(one, other)).toBe(0)
})

test('versions have one order', () => {
  const part = fc.constantFrom('0', '00', '1', '9', '10', 'rc', 'a', 'B', 'beta', '')
  const version = fc.array(part, { maxLength: 4 }).map((parts) => parts.join('.'))
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      expect(Math.sign(compareVersions(a, b))).toBe(-Math.sign(compareVersions(b, a)) + 0)
      if (compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0) {
        expect(compareVersions(a, c)).toBeLessThanOrEqual(0)
      }
    }),
    { numRuns: 1000 },
  )
})
