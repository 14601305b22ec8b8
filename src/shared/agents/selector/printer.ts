import { keywords } from './fields.js'
import { foldIds } from './id-ranges.js'
import type { FieldSelector, Selector, SelectorOperator } from './tree.js'

/** What a value may hold without quotes; the parser reads just so much of one. */
export const BARE_VALUE = /[^\s(),&"'=!<>~]+/y

/** How each operator that compares with one value is written. */
export const symbols: Partial<Record<SelectorOperator, string>> = {
  eq: '=',
  ne: '!=',
  glob: '~',
  lt: '<',
  le: '<=',
  gt: '>',
  ge: '>=',
}

/** A selector as text, which is parsed to the same tree, but for an `and` or `or` of one part: that is the part itself. */
export function formatSelector(selector: Selector): string {
  const node = withoutSingles(selector)
  if ('all' in node) return 'all'
  if ('ids' in node) return foldIds(node.ids)
  if ('set' in node) return `@${node.set}`
  if ('run' in node) return `%${node.run}:${node.outcomes.join('+')}`
  if ('field' in node) return comparison(node)
  if ('not' in node) return `not ${inside(node.not, ['and', 'or', 'not'])}`
  if ('and' in node) return node.and.map((part) => inside(part, ['and', 'or'])).join(' and ')
  return node.or.map((part) => inside(part, ['or'])).join(' or ')
}

/** A part of another, in parentheses where it is one of these. */
function inside(part: Selector, kinds: ('and' | 'or' | 'not')[]): string {
  const node = withoutSingles(part)
  const text = formatSelector(node)
  return kinds.some((kind) => kind in node) ? `(${text})` : text
}

function withoutSingles(selector: Selector): Selector {
  const parts = 'and' in selector ? selector.and : 'or' in selector ? selector.or : []
  const [only, ...more] = parts
  return only && more.length === 0 ? withoutSingles(only) : selector
}

function comparison({ field, op, values = [] }: FieldSelector): string {
  if (op === 'has') return `has ${field}`
  const symbol = symbols[op]
  if (symbol !== undefined) return `${field}${symbol}${values.map(valueText).join()}`
  return `${field} ${op === 'in' ? 'in' : 'not in'} (${values.map(valueText).join(', ')})`
}

function valueText(value: string): string {
  BARE_VALUE.lastIndex = 0
  const [bare] = BARE_VALUE.exec(value) ?? []
  if (bare === value && !keywords.includes(value)) return value
  return `"${value.replaceAll(/["\\]/g, '\\$&')}"`
}
