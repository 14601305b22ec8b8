import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { matches } from '../../../src/shared/agents/selector/matcher.js'
import { parseSelector } from '../../../src/shared/agents/selector/parser.js'
import { fieldsOf, idsOf, selectorSchema, selectorTextSchema } from '../../../src/shared/agents/selector.js'
import { agent } from './selector/trees.js'

/** What the schema says of a selector that it does not take: place and sentence. */
function faults(selector: unknown, schema: z.ZodType = selectorSchema): string[] {
  const parsed = z.object({ selector: schema }).safeParse({ selector })
  return (parsed.error?.issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`)
}

describe('each rule of selectors', () => {
  test('an empty text is refused, and never every agent', () => {
    expect(faults('')).toEqual(['selector: is empty: write `all` where every agent is meant'])
    expect(faults({ and: [] })).toEqual([expect.stringMatching(/^selector.and: /)])
    expect(selectorSchema.parse('all')).toEqual({ all: true })
  })

  test('what no agent fits means none', () => {
    expect(matches(parseSelector('env=prod'), agent({ env: 'test' }))).toBe(false)
  })

  test('the ids that have to be known are named with their ranges expanded, also where they are taken away', () => {
    expect(idsOf(parseSelector('web-[1-3] minus web-2 or env=prod and db+web-3'))).toEqual([
      'web-1',
      'web-2',
      'web-3',
      'db',
    ])
  })

  test('the fields that some agent has to have are named', () => {
    expect(fieldsOf(parseSelector('env=prod and not (has info.arch or env in (a) or label.x>1)'))).toEqual([
      'env',
      'info.arch',
      'label.x',
    ])
  })

  test('a missing field makes =, !=, in and not in false, and only not takes the agent', () => {
    const bare = agent({})
    for (const text of ['env=prod', 'env!=prod', 'env in (prod)', 'env not in (prod)']) {
      expect(matches(parseSelector(text), bare), text).toBe(false)
    }
    expect(matches(parseSelector('not (env=prod)'), bare)).toBe(true)
  })

  test('no regular expression is made of a text', () => {
    expect(matches(parseSelector('env ~ ".*"'), agent({ env: 'prod' }))).toBe(false)
    expect(
      matches(parseSelector('env ~ (a+)+$'.replace('(a+)+$', '"(a+)+$"')), agent({ env: '(a+)+$' })),
    ).toBe(true)
  })
})

describe('a selector from outside', () => {
  test('is a text or a tree, and comes out as a tree', () => {
    const tree = { and: [{ field: 'env', op: 'eq', values: ['prod'] }, { not: { ids: ['db'] } }] }
    expect(selectorSchema.parse('env=prod minus db')).toEqual(tree)
    expect(selectorSchema.parse(tree)).toEqual(tree)
    expect(selectorTextSchema.safeParse(tree).success).toBe(false)
  })

  test.each([
    ['role =', 'selector: at 7: expected a value after ='],
    [7, 'selector: takes a tree, whose nodes have one of all, ids, set, run, field, and, or, not'],
    [{}, 'selector: takes a tree, whose nodes have one of all, ids, set, run, field, and, or, not'],
    [{ all: false }, 'selector: all: Invalid input: expected true'],
    [{ all: true, ids: ['a'] }, 'selector: Unrecognized key: "ids"'],
    [{ ids: ['a b'] }, 'selector.ids.0: takes 1 to 128 letters, digits, and . _ : - inside'],
    [{ field: 'in', op: 'has' }, 'selector: field: in is a word of the language: write label.in'],
    [{ field: 'a', op: 'has', values: ['x'] }, 'selector.values: has takes none'],
    [{ field: 'a', op: 'eq' }, 'selector.values: eq takes one'],
    [{ field: 'a', op: 'in', values: [] }, 'selector.values: in takes one or more'],
    [
      { field: 'a', op: 'glob', values: ['x'.repeat(257)] },
      'selector.values: a pattern takes 256 characters at most',
    ],
    [
      { or: [{ all: true }, { not: { field: 'a', op: 'is' } }] },
      expect.stringMatching(/^selector: or: 1: not: op: /),
    ],
  ])('%j is refused with its place', (selector, expected) => {
    expect(faults(selector)).toEqual([expected])
  })

  test('is refused by its bounds before it is gone through', () => {
    let deep: unknown = { all: true }
    for (let level = 0; level < 100_000; level++) deep = { not: deep }
    expect(faults(deep)).toEqual(['selector: nests deeper than 32 levels'])
    const leaves = Array.from({ length: 4096 }, () => ({ all: true }))
    expect(faults({ or: leaves })).toEqual(['selector: has more than 4096 parts'])
    const ids = Array.from({ length: 5001 }, (_, at) => `a${at}`)
    expect(faults({ or: [{ ids }, { ids }] })).toEqual(['selector: names too many agents: 10000 at most'])
  })

  test('can be described in the document of the API', () => {
    expect(z.toJSONSchema(selectorTextSchema, { io: 'input' })).toMatchObject({
      type: 'string',
      maxLength: 4096,
    })
    expect(z.toJSONSchema(selectorSchema, { io: 'input' })).toMatchObject({ anyOf: [{ type: 'string' }, {}] })
  })
})
