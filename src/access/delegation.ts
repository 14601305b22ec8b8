import type { Action } from '../shared/access/actions.js'
import type { Grant } from '../shared/access/policy.js'
import type { Selector } from '../shared/agents/selector/tree.js'
import { isUnder, resolvedPath } from './commands/paths.js'
import { riskRank, usualRisk } from './conditions.js'
import { contains, disjoint } from './containment.js'
import { actionsOf, type CompiledGrant, compileList } from './grants.js'
import type { Policy } from './policy.js'
import type { Subject } from './request.js'
import type { RightsList, Source } from './subjects.js'

/**
 * Whether each of these grants is within what a subject may: for tokens, roles and bindings that one account gives to
 * another. True is certain at any time and for any request. False may also mean that it could not be seen: a grant has to
 * be within one grant of the subject for each action and part of its selector, and outside of each deny.
 */
export function mayDelegate(policy: Policy, subject: Subject, grants: readonly Grant[]): boolean {
  const lists = policy.listsOf(subject)
  return compileList('grant', grants).grants.every(
    (given) => given.grant.effect === 'deny' || lists.every((list) => isWithin(given, list)),
  )
}

function isWithin(given: CompiledGrant, { sources }: RightsList): boolean {
  return actionsOf(given.grant).every((action) => {
    const asked = forAction(given, action)
    const held = sources.flatMap((source) => heldGrants(source, action))
    const denied = held.some(
      ({ one }) =>
        one.grant.effect === 'deny' &&
        !disjoint(one.reach.selector, given.reach.selector) &&
        overlaps(one, given),
    )
    if (denied) return false
    const allowing = held.filter(
      ({ one, until }) => one.grant.effect === 'allow' && isLimitedBy(asked, forAction(one, action), until),
    )
    return partsOf(given.grant.agents).every((part) =>
      allowing.some(({ one }) => contains(one.reach.selector, part)),
    )
  })
}

/** A grant as it is for one action: what it only includes takes no approvals. */
function forAction(one: CompiledGrant, action: Action): CompiledGrant {
  if (one.grant.actions.includes(action)) return one
  return { ...one, grant: { ...one.grant, approvals: undefined } }
}

type Held = { one: CompiledGrant; until: number }

function heldGrants({ list, until }: Source, action: Action): Held[] {
  return (list.about(action)?.all ?? []).map((one) => ({ one, until }))
}

/** Parts of a selector that may each be within another grant. */
function partsOf(selector: Selector): readonly Selector[] {
  return 'or' in selector ? selector.or.flatMap(partsOf) : [selector]
}

/** Whether a deny may hold while the given grant does. What a deny says of commands is not compared. */
function overlaps(deny: CompiledGrant, given: CompiledGrant): boolean {
  return deny.notBefore < given.expiresAt && given.notBefore < deny.expiresAt
}

/** Whether a request that meets the conditions of the given grant, besides its agents, meets those of another too. */
function isLimitedBy(given: CompiledGrant, by: CompiledGrant, until: number): boolean {
  return (
    given.notBefore >= by.notBefore &&
    given.expiresAt <= Math.min(by.expiresAt, until) &&
    areCommandsWithin(given.grant, by.grant) &&
    isSubset(given.grant.targets, by.grant.targets) &&
    areFoldersWithin(given.grant.cwd, by.grant.cwd) &&
    areNamesWithin(given, by) &&
    (given.grant.stdin !== true || by.grant.stdin === true) &&
    riskRank[given.grant.max_risk ?? usualRisk] <= riskRank[by.grant.max_risk ?? usualRisk] &&
    areNumbersWithin(given.grant, by.grant) &&
    areApprovalsWithin(given.grant, by.grant)
  )
}

function areNumbersWithin(given: Grant, by: Grant): boolean {
  const limits = ['max_agents', 'max_timeout_seconds', 'reauth_seconds'] as const
  return limits.every((limit) => {
    const most = by[limit]
    const own = given[limit]
    return most === undefined || (own !== undefined && own <= most)
  })
}

/** Rules are compared as they are written: what one may fit besides another is not worked out. */
function areCommandsWithin(given: Grant, by: Grant): boolean {
  if (!by.commands) return true
  if (!given.commands) return false
  const known = new Set(by.commands.map((rule) => JSON.stringify(rule)))
  const names = new Set(by.commands.flatMap((rule) => ('contract' in rule ? [rule.contract] : [])))
  const areRules = given.commands.every((rule) => {
    if (known.has(JSON.stringify(rule))) return true
    const at = 'contract' in rule ? rule.contract.lastIndexOf('@') : -1
    return 'contract' in rule && at > 0 && names.has(rule.contract.slice(0, at))
  })
  const rank = { none: 0, dev_null: 1, any: 2 }
  return (
    areRules &&
    isSubset(given.operators ?? [], by.operators ?? []) &&
    rank[given.redirects ?? 'none'] <= rank[by.redirects ?? 'none']
  )
}

/** Absent: everything. */
function isSubset<T>(given: readonly T[] | undefined, by: readonly T[] | undefined): boolean {
  return by === undefined || (given?.every((one) => by.includes(one)) ?? false)
}

function areFoldersWithin(given: readonly string[] | undefined, by: readonly string[] | undefined): boolean {
  if (!by) return true
  return (
    given?.every((folder) => {
      const path = resolvedPath(folder)
      return path !== undefined && by.some((base) => isUnder(path, base))
    }) ?? false
  )
}

/** Names of variables; of patterns only those that are the same, and the one of any name. */
function areNamesWithin({ grant: { env: given = [] } }: CompiledGrant, by: CompiledGrant): boolean {
  const own = by.grant.env ?? []
  return given.every((name) => {
    if (own.includes('*') || own.includes(name)) return true
    return !/[*?]/.test(name) && by.env.some((test) => test(name))
  })
}

/** Each approval that the other grant asks for is asked for by the given one in the same cases. */
function areApprovalsWithin(given: Grant, by: Grant): boolean {
  const own = new Set((given.approvals ?? []).map((need) => JSON.stringify(need)))
  return (by.approvals ?? []).every((need) => own.has(JSON.stringify(need)))
}
