import fc from 'fast-check'
import { expect, test } from 'vitest'
import { globTest } from '../../../../src/shared/agents/selector/glob.js'

/** As a pattern is defined, by the length of the two: what the other is compared with. */
function defined(pattern: string[], text: string[]): boolean {
  let row = [true, ...text.map(() => false)]
  for (const token of pattern) {
    const before = row
    row = []
    for (let at = 0; at <= text.length; at++) {
      const one = at > 0 && (token === '?' || token === text[at - 1]) && (before[at - 1] ?? false)
      row.push(token === '*' ? (before[at] ?? false) || (row[at - 1] ?? false) : one)
    }
  }
  return row.at(-1) ?? false
}

test('a pattern fits what its definition says, over the words of its bits too', () => {
  const letters = (more: string[]) => fc.array(fc.constantFrom('a', 'b', '😀', ...more), { maxLength: 80 })
  fc.assert(
    fc.property(letters(['*', '*', '?']), letters([]), (pattern, text) => {
      expect(globTest(pattern.join(''))(text.join(''))).toBe(defined(pattern, text))
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(letters([]), fc.nat(), fc.nat(), (text, from, length) => {
      const pattern = [...text]
      pattern.splice(from % (text.length + 1), length % 40, '*')
      expect(globTest(pattern.join(''))(text.join(''))).toBe(true)
    }),
  )
})

test('a pattern that makes others go back again and again is decided in one pass', () => {
  // Going back would take longer than the age of the universe: 64 stars over a text without an end that fits.
  const text = 'a'.repeat(500_000)
  expect(globTest(`${'*a'.repeat(64)}*b`)(text)).toBe(false)
  expect(globTest(`${'a*'.repeat(64)}a`)(text)).toBe(true)
  expect(globTest(`*${'?'.repeat(255)}`)(text)).toBe(true)
})
