import type { Action } from '../shared/access/actions.js'
import { approvalsOf, failureOf, isAboutCommands, type Question } from './conditions.js'
import { decideOn } from './decision.js'
import type { CompiledGrant, KeyedAgent } from './grants.js'
import type { RightsList } from './subjects.js'

/** What a list says of agents before a command is known. */

/** Which agents a list allows an action on without approvals; `all`: every one, so that none has to be tested. */
export function reachOn(
  list: RightsList,
  question: Question,
): { all: boolean; test: (agent: KeyedAgent) => boolean } {
  const { action, now } = question.request
  const abouts = list.sources.flatMap((source) =>
    now < source.until ? (source.list.about(action) ?? []) : [],
  )
  const denies = abouts.some(({ deny }) => deny.all.some((one) => !failureOf(one, question)))
  const allows = abouts.some(({ allow }) => allow.all.some((one) => allowsAll(one, question)))
  return {
    all: allows && !denies,
    test: (agent) => decideOn(list, question, agent).verdict === 'allow',
  }
}

function allowsAll(one: CompiledGrant, question: Question): boolean {
  return one.reach.all && !failureOf(one, question) && approvalsOf(one, question).length === 0
}

/**
 * Whether what a list says of a command on an agent depends on the command. `denied`: it allows none there. Grants and
 * bindings count at any time, since they may begin or end before the decision.
 */
export function asksFor(list: RightsList, action: Action, agent: KeyedAgent): 'denied' | 'free' | 'command' {
  let allows = false
  let free = false
  let asks = false
  for (const source of list.sources) {
    const about = source.list.about(action)
    for (const one of about?.deny.near(agent) ?? []) {
      asks ||= isAboutCommands(one) && one.reach.test(agent.agent)
    }
    for (const one of about?.allow.near(agent) ?? []) {
      if (free || !one.reach.test(agent.agent)) continue
      allows = true
      free = source.until === Number.POSITIVE_INFINITY && isFree(one)
    }
  }
  if (!allows) return 'denied'
  return free && !asks ? 'free' : 'command'
}

/** Allows any command, at any time. */
function isFree({ grant }: CompiledGrant): boolean {
  return (
    grant.commands === undefined &&
    grant.targets === undefined &&
    grant.cwd === undefined &&
    grant.env?.includes('*') === true &&
    grant.stdin === true &&
    grant.max_risk === 'high' &&
    grant.max_agents === undefined &&
    grant.max_timeout_seconds === undefined &&
    grant.reauth_seconds === undefined &&
    (grant.approvals ?? []).length === 0 &&
    grant.not_before === undefined &&
    grant.expires_at === undefined
  )
}
