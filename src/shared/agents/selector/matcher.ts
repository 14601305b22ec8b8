import { OgentError } from '../../errors.js'
import { type Facts, fieldReader, type SelectableAgent } from './fields.js'
import { globTest } from './glob.js'
import { formatSelector } from './printer.js'
import {
  type FieldSelector,
  type RunSelector,
  type Selector,
  type SelectorOperator,
  type SetSelector,
  selectorLimits,
} from './tree.js'
import { versionComparer } from './versions.js'

/** Which agents a selector means. */

/** What a selector may refer to, by those who know it. */
export type SelectorContext = {
  /** The selector behind a saved set or an earlier run. Without it both are refused. */
  resolve?: (reference: SetSelector | RunSelector) => Selector
  /** The facts of an agent. Without it fields of facts are refused: `not` would take every agent for one without them. */
  facts?: (agent_id: string) => Facts | undefined
}

type Test = (agent: SelectableAgent) => boolean

/** Whether a selector means an agent. Throws as `matcherOf`, which is for many agents. */
export function matches(selector: Selector, agent: SelectableAgent, context: SelectorContext = {}): boolean {
  return matcherOf(selector, context)(agent)
}

/** A selector as a test of agents. Throws VALIDATION_FAILED for what the context does not know. */
export function matcherOf(selector: Selector, context: SelectorContext = {}): Test {
  return testOf(selector, context, 0)
}

/** `resolved`: sets and runs that led here, each through the one before. */
function testOf(selector: Selector, context: SelectorContext, resolved: number): Test {
  if ('all' in selector) return () => true
  if ('ids' in selector) {
    const ids = new Set(selector.ids)
    return ({ agent_id }) => ids.has(agent_id)
  }
  if ('field' in selector) return fieldTest(selector, context)
  if ('not' in selector) {
    const test = testOf(selector.not, context, resolved)
    return (agent) => !test(agent)
  }
  if ('and' in selector) {
    const tests = selector.and.map((part) => testOf(part, context, resolved))
    return (agent) => tests.every((test) => test(agent))
  }
  if ('or' in selector) {
    const tests = selector.or.map((part) => testOf(part, context, resolved))
    return (agent) => tests.some((test) => test(agent))
  }
  return testOf(resolvedOf(selector, context, resolved), context, resolved + 1)
}

function resolvedOf(
  reference: SetSelector | RunSelector,
  { resolve }: SelectorContext,
  resolved: number,
): Selector {
  const named = formatSelector(reference)
  if (!resolve) throw refused(`${named}: ${'set' in reference ? 'sets are' : 'runs are'} not supported yet`)
  if (resolved >= selectorLimits.depth) throw refused(`${named}: sets refer to each other without an end`)
  return resolve(reference)
}

function fieldTest({ field, op, values = [] }: FieldSelector, { facts }: SelectorContext): Test {
  if (field.startsWith('fact.') && !facts) throw refused(`${field}: facts are not supported yet`)
  const read = fieldReader(field, facts)
  const test = valueTest(op, values)
  return (agent) => {
    const value = read(agent)
    return value !== undefined && test(value)
  }
}

function valueTest(op: SelectorOperator, values: string[]): (value: string) => boolean {
  const [first = ''] = values
  const among = new Set(values)
  const compare = versionComparer(first)
  switch (op) {
    case 'has':
      return () => true
    case 'eq':
      return (value) => value === first
    case 'ne':
      return (value) => value !== first
    case 'glob':
      return globTest(first)
    case 'in':
      return (value) => among.has(value)
    case 'not_in':
      return (value) => !among.has(value)
    case 'lt':
      return (value) => compare(value) < 0
    case 'le':
      return (value) => compare(value) <= 0
    case 'gt':
      return (value) => compare(value) > 0
    case 'ge':
      return (value) => compare(value) >= 0
  }
}

function refused(message: string): OgentError {
  const issues = [{ loc: ['selector'], msg: message, type: 'unsupported_selector' }]
  return new OgentError('VALIDATION_FAILED', `selector: ${message}`, { issues })
}
