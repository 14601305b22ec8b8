import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseSelector } from '../../../../src/shared/agents/selector/parser.js'
import { formatSelector } from '../../../../src/shared/agents/selector/printer.js'
import { type Selector, selectorNodeSchema } from '../../../../src/shared/agents/selector/tree.js'
import { OgentError } from '../../../../src/shared/errors.js'
import { writtenTree } from './trees.js'

const eq = (field: string, ...values: string[]): Selector => ({ field, op: 'eq', values })

/** What is wrong with a text. */
function fault(text: string): string {
  try {
    const tree = parseSelector(text)
    return `is taken: ${JSON.stringify(tree)}`
  } catch (error) {
    if (!(error instanceof OgentError)) throw error
    expect(error.code).toBe('VALIDATION_FAILED')
    expect(error.issues).toHaveLength(1)
    return error.issues?.[0]?.msg ?? ''
  }
}

describe('a text is parsed', () => {
  const texts: [text: string, tree: Selector][] = [
    ['all', { all: true }],
    ['web-1', { ids: ['web-1'] }],
    ['web-1+web-2', { ids: ['web-1', 'web-2'] }],
    ['web-[1-3,30]', { ids: ['web-1', 'web-2', 'web-3', 'web-30'] }],
    ['rack[1-2]-n[08-09] + db', { ids: ['rack1-n08', 'rack1-n09', 'rack2-n08', 'rack2-n09', 'db'] }],
    ['in[1-2]', { ids: ['in1', 'in2'] }],
    ['"all"+\'not\'', { ids: ['all', 'not'] }],
    ['@web', { set: 'web' }],
    ['%deploy-7:lost', { run: 'deploy-7', outcomes: ['lost'] }],
    ['%a:b:error+lost', { run: 'a:b', outcomes: ['error', 'lost'] }],
    ['env=prod', eq('env', 'prod')],
    [' env  =  prod ', eq('env', 'prod')],
    ['env!=prod', { field: 'env', op: 'ne', values: ['prod'] }],
    ['hostname ~ web-*.eu?', { field: 'hostname', op: 'glob', values: ['web-*.eu?'] }],
    ['agent_version>=1.10', { field: 'agent_version', op: 'ge', values: ['1.10'] }],
    [
      'label.a<1 & label.a<=2 & label.a>3',
      {
        and: [
          { field: 'label.a', op: 'lt', values: ['1'] },
          { field: 'label.a', op: 'le', values: ['2'] },
          { field: 'label.a', op: 'gt', values: ['3'] },
        ],
      },
    ],
    ['role in (web, "d b",\'x\')', { field: 'role', op: 'in', values: ['web', 'd b', 'x'] }],
    ['role not in (web)', { field: 'role', op: 'not_in', values: ['web'] }],
    ['has zone', { field: 'zone', op: 'has' }],
    ['has label.in', { field: 'label.in', op: 'has' }],
    ['env="a \\"b\\" \\\\ c"', eq('env', 'a "b" \\ c')],
    ['env=""', eq('env', '')],
    ['env=50%@[x]', eq('env', '50%@[x]')],
    ['a=1 or b=2 and c=3', { or: [eq('a', '1'), { and: [eq('b', '2'), eq('c', '3')] }] }],
    ['a=1, b=2 & c=3', { or: [eq('a', '1'), { and: [eq('b', '2'), eq('c', '3')] }] }],
    ['(a=1 or b=2) and c=3', { and: [{ or: [eq('a', '1'), eq('b', '2')] }, eq('c', '3')] }],
    ['not a=1 and b=2', { and: [{ not: eq('a', '1') }, eq('b', '2')] }],
    ['!(a=1)', { not: eq('a', '1') }],
    [
      'a=1 minus web-1 minus web-2',
      { and: [eq('a', '1'), { not: { ids: ['web-1'] } }, { not: { ids: ['web-2'] } }] },
    ],
    [
      'a=1 and b=2 minus web-1',
      { and: [eq('a', '1'), { and: [eq('b', '2'), { not: { ids: ['web-1'] } }] }] },
    ],
  ]
  test.each(texts)('%s', (text, tree) => {
    expect(parseSelector(text)).toEqual(tree)
    expect(selectorNodeSchema.parse(tree)).toEqual(tree)
  })
})

describe('a text that is no selector is refused with its place and what was expected', () => {
  const atom = 'expected an agent, a field with its operator, has, all, @set, %run:outcome or ('
  const outcomes = 'success, error, timeout, cancelled, lost, refused, undelivered, unexpected, skipped'
  test.each([
    ['', 'is empty: write `all` where every agent is meant'],
    [' \t\n', 'is empty: write `all` where every agent is meant'],
    ['role =', 'at 7: expected a value after ='],
    ['env= and role=web', 'at 6: expected a value after =; found and'],
    ['env=, role=web', 'at 5: expected a value after =; found ,'],
    ['env==prod', 'at 5: expected a value after =; found ='],
    ['env=prod role=web', 'at 10: expected and, or, minus or the end; found role'],
    ['env=prod and', `at 13: ${atom}`],
    ['and env=prod', `at 1: ${atom}; found and`],
    ['😀', `at 1: ${atom}; found 😀`],
    ['a=😀 x', 'at 5: expected and, or, minus or the end; found x'],
    ['not not a', `at 5: ${atom}; found not`],
    ['(a=1', 'at 5: expected and, or, minus or ) for the ( at 1'],
    ['a=1)', 'at 4: expected and, or, minus or the end; found )'],
    ['()', `at 2: ${atom}; found )`],
    ['role in web', 'at 9: expected ( after in; found web'],
    ['role in ()', 'at 10: expected a value after in (; found )'],
    ['role in (web', 'at 13: expected , or ) after a value'],
    ['role not in (web,)', 'at 18: expected a value after ,; found )'],
    ['role="web', 'at 6: the " has no end'],
    ['has', 'at 4: expected a field after has'],
    ['has has', 'at 5: has is a word of the language: write label.has'],
    ['in=x', 'at 1: in is a word of the language: write label.in'],
    ['label.=x', 'at 1: a name comes after label., of letters, digits and . _ / -'],
    ['a:b=x', 'at 1: a field takes letters, digits and . _ / -'],
    ['.a=x', 'at 1: a field takes letters, digits and . _ / -'],
    ['@', "at 2: expected a set's name after @"],
    ['@a/b', "at 2: a/b can be no set's name"],
    ['%run', "at 2: expected a run's id, : and an outcome after %; found run"],
    ['%run:broken', `at 6: expected an outcome: ${outcomes}; found broken`],
    ['%run:lost+', `at 11: expected an outcome: ${outcomes}`],
    ['web-[1-', 'at 5: the [ has no end'],
    ['web-[a]', 'at 1: brackets take numbers and ranges, such as [1-20,30]; found [a]'],
    ['web-[]', 'at 1: brackets take numbers and ranges, such as [1-20,30]; found []'],
    ['web-[3-1]', 'at 1: the range 3-1 begins behind its end'],
    ['web-[01-9]', 'at 1: both ends of the range 01-9 take as many digits'],
    ['x+web/1', "at 3: web/1 can be no agent's id"],
    ['web-1+', `at 7: ${atom}`],
    ['all[1-3]+', `at 10: ${atom}`],
    ['web-[1-10001]', 'at 1: names too many agents: 10000 at most'],
    ['a[1-200]b[1-200]', 'at 1: names too many agents: 10000 at most'],
    [`${'('.repeat(33)}all${')'.repeat(33)}`, 'at 33: parentheses nest deeper than 32 levels'],
    [`hostname~"${'*'.repeat(257)}"`, 'at 10: a pattern takes 256 characters at most'],
    ['a'.repeat(4097), 'takes 4096 characters at most'],
  ])('%j', (text, expected) => {
    expect(fault(text)).toBe(expected)
  })

  test('where the second list of ids is one too many', () => {
    expect(fault('a[1-9999]')).toContain('is taken')
    expect(fault('a[1-9999] or b[1-2]')).toMatch(/^at 14: names too many agents/)
  })

  test('where its tree is deeper than its parentheses', () => {
    const nested = (levels: number) => `${'a=1 or b=2 and not ('.repeat(levels)}all${')'.repeat(levels)}`
    expect(fault(nested(10))).toContain('is taken')
    expect(fault(nested(11))).toBe('nests deeper than 32 levels')
  })

  test('of any kind, and without another error', () => {
    const word = fc.constantFrom(
      'a',
      '=',
      '!=',
      '~',
      'in',
      'not',
      '(',
      ')',
      ',',
      '&',
      '!',
      '@',
      '%',
      '"',
      '[',
      ']',
      '+',
      ' ',
      'all',
      'has',
      '1-2',
      ':',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(word).map((words) => words.join('')),
        ),
        (text) => {
          expect(fault(text)).toMatch(/^(is taken|is empty|at \d+: )/)
        },
      ),
    )
  })
})

test('a tree that is written and parsed again is the same', () => {
  fc.assert(
    fc.property(writtenTree, (tree) => {
      expect(parseSelector(formatSelector(tree))).toEqual(tree)
      expect(selectorNodeSchema.parse(tree)).toEqual(tree)
    }),
    { numRuns: 500 },
  )
})

describe('a tree is written', () => {
  const ids = (...named: string[]) => formatSelector({ ids: named })
  test('with neighbours among its ids as ranges, in their order', () => {
    expect(ids('web-1', 'web-2', 'web-3', 'web-30', 'db')).toBe('web-[1-3,30]+db')
    expect(ids('web-08', 'web-09', 'web-10', 'web-11')).toBe('web-[08-11]')
    expect(ids('web-9', 'web-10', 'web-1')).toBe('web-[9-10,1]')
    expect(ids('web-99', 'web-100', 'web-099')).toBe('web-[99-100,099]')
    expect(ids('web-1', 'web-1', 'all')).toBe('web-[1,1]+"all"')
  })

  test('without parentheses that mean nothing', () => {
    const tree = { or: [{ and: [eq('a', '1'), { not: eq('b', '2') }] }, { and: [eq('c', '3')] }] }
    expect(formatSelector(tree)).toBe('a=1 and not b=2 or c=3')
  })
})
