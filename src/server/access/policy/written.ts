import type { AccessPolicy, WrittenPolicy } from '../../../shared/access/policy.js'
import { formatSelector } from '../../../shared/agents/selector/printer.js'
import { type Selector, selectorLimits } from '../../../shared/agents/selector/tree.js'

/** A policy as people write it: its selectors as texts, where those are not longer than one may be. */
export function toWritten({ roles, bindings, tests }: AccessPolicy): WrittenPolicy {
  const grants = Object.entries(roles).map(([role, all]) => [role, all.map(withText)])
  return { roles: Object.fromEntries(grants), bindings, tests: tests.map(withText) }
}

function withText<Row extends { agents: Selector }>({ agents, ...rest }: Row) {
  const text = formatSelector(agents)
  return { ...rest, agents: text.length <= selectorLimits.text ? text : { ...agents } }
}
