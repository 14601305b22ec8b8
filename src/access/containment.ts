import { matcherOf } from '../shared/agents/selector/matcher.js'
import type { FieldSelector, Selector } from '../shared/agents/selector/tree.js'
import { labelOf, selectable } from './agents.js'

/**
 * What follows of two selectors alone, for any agents. Both answers are safe ones: true is certain, and false only means
 * that it does not follow by these rules within a bound of work.
 */

/** Whether each agent that fits `inner` fits `outer`. */
export function contains(outer: Selector, inner: Selector): boolean {
  return new Comparison().contains(outer, inner)
}

/** Whether no agent fits both. */
export function disjoint(a: Selector, b: Selector): boolean {
  return new Comparison().disjoint(a, b)
}

/** Pairs of nodes that are compared at most: two trees that nest deeply have more pairs than are worth the time. */
const mostPairs = 20_000

class Comparison {
  #left = mostPairs

  contains(outer: Selector, inner: Selector): boolean {
    if (this.#left-- <= 0) return false
    if ('all' in outer) return true
    if ('or' in inner) return inner.or.every((part) => this.contains(outer, part))
    if ('and' in outer) return outer.and.every((part) => this.contains(part, inner))
    if ('and' in inner && inner.and.some((part) => this.contains(outer, part))) return true
    if ('or' in outer) {
      return outer.or.some((part) => this.contains(part, inner)) || this.#coversEach(outer, inner)
    }
    if ('not' in outer) {
      return 'not' in inner ? this.contains(inner.not, outer.not) : this.disjoint(inner, outer.not)
    }
    if ('and' in inner || 'not' in inner) return false
    return containsAtom(outer, inner)
  }

  disjoint(a: Selector, b: Selector): boolean {
    if (this.#left-- <= 0) return false
    if ('or' in a) return a.or.every((part) => this.disjoint(part, b))
    if ('or' in b) return b.or.every((part) => this.disjoint(a, part))
    if ('and' in a && a.and.some((part) => this.disjoint(part, b))) return true
    if ('and' in b && b.and.some((part) => this.disjoint(a, part))) return true
    if ('not' in a) return this.contains(a.not, b)
    if ('not' in b) return this.contains(b.not, a)
    return areDisjointAtoms(a, b)
  }

  /** Some parts of an `or` may have some of the values, and others the rest. */
  #coversEach(outer: Selector, inner: Selector): boolean {
    const atom = atomOf(inner)
    if (!atom?.values || atom.values.length < 2) return false
    return atom.values.every((value) => this.contains(outer, selectorOf(atom.name, value)))
  }
}

function containsAtom(outer: Selector, inner: Selector): boolean {
  const [left, right] = [atomOf(outer), atomOf(inner)]
  if (!left || !right || left.name !== right.name) return false
  if (right.values) return right.values.every(testOf(outer, right.name))
  if (!('field' in outer) || !('field' in inner)) return false
  // An agent without a label fits no operator.
  return outer.op === 'has' || isSame(outer, inner)
}

function areDisjointAtoms(a: Selector, b: Selector): boolean {
  const [left, right] = [atomOf(a), atomOf(b)]
  if (!left || !right || left.name !== right.name) return false
  if (left.values) return !left.values.some(testOf(b, left.name))
  return right.values !== undefined && !right.values.some(testOf(a, right.name))
}

/** What a selector of one label, or of the id, asks for; `values` where it names all that fit. */
type Atom = { name: string | undefined; values: readonly string[] | undefined }

function atomOf(selector: Selector): Atom | undefined {
  if ('ids' in selector) return { name: undefined, values: selector.ids }
  if (!('field' in selector)) return undefined
  const { field, op, values = [] } = selector
  return { name: labelOf(field), values: op === 'eq' || op === 'in' ? values : undefined }
}

/** Whether an agent whose label (or id, where that is undefined) has a value fits a selector of that label alone. */
function testOf(selector: Selector, name: string | undefined): (value: string) => boolean {
  const matches = matcherOf(selector)
  return (value) =>
    matches(
      selectable(
        name === undefined ? { agent_id: value, labels: {} } : { agent_id: '', labels: { [name]: value } },
      ),
    )
}

function selectorOf(name: string | undefined, value: string): Selector {
  return name === undefined ? { ids: [value] } : { field: `label.${name}`, op: 'eq', values: [value] }
}

function isSame(a: FieldSelector, b: FieldSelector): boolean {
  return a.op === b.op && JSON.stringify(a.values ?? []) === JSON.stringify(b.values ?? [])
}
