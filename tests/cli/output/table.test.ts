import fc from 'fast-check'
import stringWidth from 'string-width'
import { describe, expect, test } from 'vitest'
import { cut, pad, table } from '../../../src/cli/output/table.js'

describe('a table', () => {
  test('aligns its columns when cells are of different lengths', () => {
    const rows = [
      ['A', 'B'],
      ['long', 'x'],
    ]
    expect(table(rows)).toBe('A     B\nlong  x\n')
  })

  test('aligns its columns when characters take two columns, or none', () => {
    const rows = [
      ['日本', 'x'],
      ['cafe\u0301', 'x'],
      ['plain', 'x'],
    ]
    expect(table(rows)).toBe('日本   x\ncafe\u0301   x\nplain  x\n')
  })

  test('is not widened by the last cell of a row', () => {
    const rows = [
      ['a', 'b', 'a long text'],
      ['a', 'b', ''],
    ]
    expect(table(rows)).toBe('a  b  a long text\na  b\n')
  })

  test('has one line a row when its cells contain escape sequences', () => {
    expect(table([['a\u001b[2J\nb\u202ec', 'x']])).toBe('a [2J b c  x\n')
  })
})

describe('a text that is cut', () => {
  test.each([
    ['abcdef', 4, 'abc…'],
    ['abcd', 4, 'abcd'],
    ['日本語', 6, '日本語'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['a👍🏽b', 3, 'a…'],
    ['a👍🏽b', 4, 'a👍🏽b'],
    ['abc', 1, '…'],
    ['', 0, ''],
  ])('as %s to %d columns is %s', (text, columns, shown) => {
    expect(cut(text, columns)).toBe(shown)
  })

  test('stays as it is when the number of columns is not limited', () => {
    expect(cut('日本'.repeat(1000), Number.POSITIVE_INFINITY)).toHaveLength(2000)
  })

  test('fits, and ends on a whole character, for any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 20 }), (text, columns) => {
        const shown = cut(text, columns)
        expect(stringWidth(shown)).toBeLessThanOrEqual(Math.max(columns, 1))
        expect(shown === text || text.startsWith(shown.slice(0, -1))).toBe(true)
      }),
    )
  })
})

test('a text is padded to its columns, and left as it is when it is longer', () => {
  expect([pad('日', 4), pad('long', 2)]).toEqual(['日  ', 'long'])
})
