import type { Action } from '../shared/access/actions.js'
import type { ApprovalNeed } from '../shared/access/policy.js'
import { brief } from './brief.js'
import { approvalsOf, conditions, type Failure, failureOf, type Question } from './conditions.js'
import { contains } from './containment.js'
import type { CompiledGrant, KeyedAgent } from './grants.js'
import type { RightsList, Source } from './subjects.js'

/** What one list of grants says of a request on one agent, or on any. */
export type ListVerdict =
  | { verdict: 'allow' | 'approval'; by: CompiledGrant; approvals: ApprovalNeed[] }
  | { verdict: 'deny'; by?: CompiledGrant; why: () => string }

/** What a list says of a request on an agent: any deny that fits wins, then the grant that asks for least. */
export function decideOn(list: RightsList, question: Question, agent: KeyedAgent): ListVerdict {
  const { action } = question.request
  let best: Allowing | undefined
  for (const source of list.sources) {
    const about = holds(source, question) ? source.list.about(action) : undefined
    for (const one of about?.deny.near(agent) ?? []) {
      if (one.reach.test(agent.agent) && !failureOf(one, question)) return deniedBy(one)
    }
    // A later source may still deny.
    if (best && isFree(best)) continue
    for (const one of about?.allow.near(agent) ?? []) {
      if (!one.reach.test(agent.agent) || failureOf(one, question)) continue
      best = weaker(best, allowedBy(one, question))
      if (isFree(best)) break
    }
  }
  return best ?? { verdict: 'deny', why: () => nearestOn(list, question, agent) }
}

/** Whether a list could allow a request on some agent: one that only a deny for other agents forbids counts as allowed. */
export function decideAnywhere(list: RightsList, question: Question): ListVerdict {
  const { action } = question.request
  const held = list.sources.filter((source) => holds(source, question))
  const denies = held.flatMap((source) => source.list.about(action)?.deny.all ?? [])
  const fitting = denies.filter((one) => !failureOf(one, question))
  let best: Allowing | undefined
  let denied: CompiledGrant | undefined
  for (const source of held) {
    for (const one of source.list.about(action)?.allow.all ?? []) {
      if (failureOf(one, question)) continue
      const deny = fitting.find(({ reach }) => contains(reach.selector, one.reach.selector))
      if (deny) denied = deny
      else best = weaker(best, allowedBy(one, question))
    }
  }
  if (best) return best
  return denied ? deniedBy(denied) : { verdict: 'deny', why: () => nearestOn(list, question, undefined) }
}

/** Why a grant that a subject has from a source does not fit an agent; undefined where it does. */
export function failureOn(
  source: Source,
  one: CompiledGrant,
  question: Question,
  agent: KeyedAgent | undefined,
): Failure | undefined {
  if (agent && !one.reach.test(agent.agent)) {
    return {
      condition: 'agents',
      reason: () => `its agents (${one.reach.text()}) do not include ${agent.agent.agent_id}`,
    }
  }
  if (!holds(source, question)) {
    return {
      condition: 'binding',
      reason: () => `its binding ended at ${new Date(source.until).toISOString()}`,
    }
  }
  return failureOf(one, question)
}

function holds(source: Source, question: Question): boolean {
  return question.request.now < source.until
}

function deniedBy(by: CompiledGrant): ListVerdict {
  return { verdict: 'deny', by, why: () => `${by.name} denies it` }
}

function allowedBy(by: CompiledGrant, question: Question): Allowing {
  const approvals = approvalsOf(by, question)
  return { verdict: approvals.length > 0 ? 'approval' : 'allow', by, approvals }
}

type Allowing = Extract<ListVerdict, { verdict: 'allow' | 'approval' }>

/** No other grant could ask for less. */
function isFree(one: Allowing): boolean {
  return one.verdict === 'allow' && one.by.grant.max_timeout_seconds === undefined
}

/** The one with the weaker obligations: first the approvals, then the time limit. */
function weaker(a: Allowing | undefined, b: Allowing): Allowing {
  if (!a) return b
  const votes = votesOf(a) - votesOf(b)
  if (votes !== 0) return votes < 0 ? a : b
  const limit = (one: Allowing) => one.by.grant.max_timeout_seconds ?? Number.POSITIVE_INFINITY
  return limit(b) > limit(a) ? b : a
}

function votesOf({ approvals }: Allowing): number {
  return approvals.reduce((sum, { needed }) => sum + needed, 0)
}

/** The grant that comes nearest, and the first condition of it that fails. */
function nearestOn(list: RightsList, question: Question, agent: KeyedAgent | undefined): string {
  const { action } = question.request
  let nearest: { one: CompiledGrant; failure: Failure } | undefined
  for (const source of list.sources) {
    const allow = source.list.about(action)?.allow
    if (!allow) continue
    const near = agent ? allow.near(agent) : allow.all
    // A grant for other agents comes nearer than none.
    for (const one of near.length > 0 ? near : allow.all.slice(0, 1)) {
      // With many agents and grants, the sentences about the last ones are not worth the time.
      if (question.comparisons-- <= 0) break
      const failure = failureOn(source, one, question, agent)
      if (failure && (!nearest || rankOf(failure) > rankOf(nearest.failure))) nearest = { one, failure }
    }
  }
  if (nearest) return `${nearest.one.name} comes nearest, but ${nearest.failure.reason()}`
  const some = list.sources.some((source) => (source.list.about(action)?.allow.all.length ?? 0) > 0)
  return some ? 'no grant fits' : `${brief(list.owner)} has no grant for ${action}`
}

function rankOf({ condition, part = 0 }: Failure): number {
  return conditions.indexOf(condition) + part
}

/** What was asked, for a sentence. */
export function askedFor(action: Action, agent_id: string | undefined): string {
  return agent_id === undefined ? action : `${action} on ${agent_id}`
}
