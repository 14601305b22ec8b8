import { isDeepStrictEqual } from 'node:util'
import type { AccessPolicy, Binding, Grant } from '../../../shared/access/policy.js'

/** What one policy has that another has not, as those need to know who may not change all of it. */

/** A part of a policy that a change adds or takes away, and where it is. */
export type Change = { loc: (string | number)[]; grants: readonly Grant[] }

/** Whether a change touches what limits others: a deny grant that goes, and a test that goes. */
export function removesLimits(before: AccessPolicy, after: AccessPolicy): (string | number)[] | undefined {
  for (const [role, grants] of Object.entries(before.roles)) {
    const kept = after.roles[role] ?? []
    const at = grants.findIndex((grant) => grant.effect === 'deny' && !has(kept, grant))
    if (at >= 0) return ['roles', role, at]
  }
  const at = before.tests.findIndex((test) => !has(after.tests, test))
  return at >= 0 ? ['tests', at] : undefined
}

/** Every grant that is added or taken away, and the grants of every role that is bound or unbound. */
export function changesBetween(
  before: AccessPolicy,
  after: AccessPolicy,
  grantsOf: (policy: AccessPolicy, role: string) => readonly Grant[],
): Change[] {
  const names = new Set([...Object.keys(before.roles), ...Object.keys(after.roles)])
  const grants = [...names].flatMap((role) => {
    const [old = [], now = []] = [before.roles[role], after.roles[role]]
    return [...lacking(now, old), ...lacking(old, now)].map((grant) => ({
      loc: ['roles', role],
      grants: [grant],
    }))
  })
  const bound = [
    ...lacking(after.bindings, before.bindings),
    ...lacking(before.bindings, after.bindings),
  ].flatMap(({ role }) => [
    { loc: ['bindings', role], grants: grantsOf(after, role) },
    { loc: ['bindings', role], grants: grantsOf(before, role) },
  ])
  return [...grants, ...bound]
}

function lacking<T extends Grant | Binding>(these: readonly T[], those: readonly T[]): T[] {
  return these.filter((one) => !has(those, one))
}

function has(all: readonly object[], one: object): boolean {
  return all.some((each) => isDeepStrictEqual(each, one))
}
