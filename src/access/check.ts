import { judge } from '../guard/execution-context.js'
import { type AccessPolicy, type PolicyTest, riskOf } from '../shared/access/policy.js'
import type { Selector } from '../shared/agents/selector/tree.js'
import type { ValidationIssue } from '../shared/errors.js'
import { labelOf, reachOf } from './agents.js'
import { isBuiltIn } from './grants.js'
import { compilePolicy, type Policy } from './policy.js'
import type { AccessAgent, CommandFacts, Subject } from './request.js'

/**
 * What is wrong with a policy, each with its place: roles with a name that is built in, bindings of roles that do not
 * exist, and tests that fail. `now`, in ms since 1970, is when the tests run.
 */
export function checkPolicy(policy: AccessPolicy, now = Date.now()): ValidationIssue[] {
  const names = Object.keys(policy.roles)
  const builtIn = names.filter(isBuiltIn).map((name) => ({
    loc: ['roles', name],
    msg: `${name} is a built-in role: choose another name`,
    type: 'built_in_role',
  }))
  const unknown = policy.bindings.flatMap(({ to, role }, at) => {
    if (isBuiltIn(role) || Object.hasOwn(policy.roles, role)) return []
    return [
      {
        loc: ['bindings', at, 'role'],
        msg: `${to} gets ${role}, which is no role of this policy`,
        type: 'unknown_role',
      },
    ]
  })
  const compiled = compilePolicy(policy)
  const failed = policy.tests.flatMap((one, at) => {
    const msg = testFault(compiled, policy, one, now)
    return msg === undefined ? [] : [{ loc: ['tests', at], msg, type: 'policy_test_failed' }]
  })
  return [...builtIn, ...unknown, ...failed]
}

/**
 * Whether an account can manage the policy on all agents: without a limit in time, approvals and denies. `builtInAdmins`:
 * whether there are accounts with the built-in role `admin`, which the policy cannot take from them.
 */
export function hasManager(policy: AccessPolicy, builtInAdmins: boolean): boolean {
  if (builtInAdmins) return true
  const compiled = compilePolicy(policy)
  const accounts = new Set(policy.bindings.map(({ to }) => to))
  return [...accounts].some((to) => {
    const [list] = compiled.listsOf(subjectOf(to))
    const lasting = list?.sources.filter(({ until }) => until === Number.POSITIVE_INFINITY) ?? []
    // A deny counts even where its binding ends: until then the policy could not be managed.
    const denied = list?.sources.some(({ list: role }) => role.about('policy.manage')?.deny.all.length)
    return (
      !denied &&
      lasting.some(({ list: role }) =>
        role
          .about('policy.manage')
          ?.allow.all.some(
            ({ reach, grant }) =>
              reach.all &&
              grant.not_before === undefined &&
              grant.expires_at === undefined &&
              (grant.approvals ?? []).length === 0,
          ),
      )
    )
  })
}

/** Why a test fails, as a sentence; undefined where it does not. */
function testFault(
  compiled: Policy,
  policy: AccessPolicy,
  { as, action, agents, command, expect }: PolicyTest,
  now: number,
): string | undefined {
  const role = as.startsWith('role:') ? as.slice('role:'.length) : undefined
  if (role !== undefined && !isBuiltIn(role) && !Object.hasOwn(policy.roles, role)) {
    return `${role} is no role of this policy`
  }
  const made = agentsFor(agents)
  if (made.length === 0)
    return 'no agent could be made up that fits the selector: name ids, or labels with their values'
  const request = { action, now, command: command === undefined ? undefined : factsOf(command) }
  const { verdict, reason } = compiled.decide(subjectOf(as), request, made)
  return verdict === expect ? undefined : `expects ${expect}, and it is ${verdict}: ${reason}`
}

/** An account as bindings call it, or one that has a role alone. Roles of the account itself are not known here. */
function subjectOf(as: string): Subject {
  const [, kind, name = ''] = /^(role|group):(.*)$/s.exec(as) ?? []
  if (kind === 'role') return { id: as, roles: [name] }
  // A group as a whole has no id of its own, and a login of just now is assumed.
  return kind === 'group' ? { id: '', roles: [], groups: [name] } : { id: as, roles: [] }
}

function factsOf(text: string): CommandFacts {
  return {
    text,
    target: 'local',
    env: [],
    stdin: false,
    risk: () => riskOf(judge({ command: text }).risk_level),
  }
}

/** The most agents that a test is run on. */
const mostAgents = 100

/** Agents that fit a selector: the ids that it names, and for labels some that are made up. */
function agentsFor(selector: Selector): AccessAgent[] {
  const { test } = reachOf(selector)
  const wishes = wishesOf(selector).slice(0, mostAgents)
  const agents = wishes.map(({ agent_id, labels }, at) => ({
    agent_id: agent_id ?? `agent-${at + 1}`,
    labels,
  }))
  return agents.filter(test)
}

type Wish = { agent_id?: string; labels: Record<string, string> }

/** What an agent would have to have; several where a selector means several. */
function wishesOf(selector: Selector): Wish[] {
  if ('ids' in selector) return selector.ids.map((agent_id) => ({ agent_id, labels: {} }))
  if ('or' in selector) return selector.or.flatMap(wishesOf)
  if ('and' in selector) {
    return selector.and.reduce<Wish[]>(
      (sofar, part) => {
        const more = wishesOf(part)
        return sofar
          .flatMap((one) =>
            more.map((other) => ({ ...one, ...other, labels: { ...one.labels, ...other.labels } })),
          )
          .slice(0, mostAgents)
      },
      [{ labels: {} }],
    )
  }
  if (!('field' in selector)) return [{ labels: {} }]
  const label = labelOf(selector.field)
  return valuesOf(selector).map((value) =>
    label === undefined ? { agent_id: value, labels: {} } : { labels: { [label]: value } },
  )
}

/** Values that fit a comparison, or may; those that do not are dropped by its test. */
function valuesOf({ op, values = [] }: Extract<Selector, { field: string }>): string[] {
  const [first = ''] = values
  switch (op) {
    case 'glob':
      return [first.replaceAll('*', '').replaceAll('?', 'x')]
    case 'eq':
    case 'in':
    case 'le':
    case 'ge':
      return values
    case 'has':
      return ['x']
    case 'ne':
    case 'not_in':
    case 'gt':
      return [`${first}-x`, `${first}.1`]
    case 'lt':
      return ['0', '']
  }
}
