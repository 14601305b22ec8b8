import { expect, test } from 'vitest'
import { closest } from '../../src/shared/closest.js'

const names = ['timeout_seconds', 'command', 'cwd', 'env']

test.each([
  ['timout_seconds', 'timeout_seconds'],
  ['timeoutSeconds', 'timeout_seconds'],
  ['comand', 'command'],
  ['ENV', 'env'],
])('%s is taken for %s', (name, meant) => {
  expect(closest(name, names)).toBe(meant)
})

test.each(['shell', 'xyz', '', 'c'.repeat(65)])('%j is taken for none', (name) => {
  expect(closest(name, names)).toBeUndefined()
})

test('a bound of letters holds beside that of the part', () => {
  expect(closest('timeut_secnds', names, 2)).toBe('timeout_seconds')
  expect(closest('timeut_secds', names, 2)).toBeUndefined()
})
