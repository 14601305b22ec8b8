import type { Decision } from '../shared/access/policy.js'
import { approvalsOf, type Condition, type Failure, type Question } from './conditions.js'
import { failureOn } from './decision.js'
import { type CompiledGrant, KeyedAgent } from './grants.js'
import { type Policy, questionOf } from './policy.js'
import type { AccessAgent, AccessRequest, Subject } from './request.js'
import type { RightsList, Source } from './subjects.js'

/** What one grant says of a request on one agent. */
export type GrantAnswer = {
  /** As decisions call it: `deployer[2]`. */
  grant: string
  /** Which rights it belongs to: the account's id, or `the token`. All have to allow. */
  of: string
  effect: 'allow' | 'deny'
  /** What the grant says by itself; absent where it does not fit. */
  says?: Decision['verdict']
  /** The first condition that is not met, where it does not fit. */
  failed?: { condition: Condition; reason: string }
}

export type Explanation = {
  decision: Decision
  /** For each agent, or once without one: the grants about the action, in the order of the roles. */
  answers: { agent_id?: string; grants: GrantAnswer[] }[]
}

/** Answers in one explanation; further ones are left out. */
const mostAnswers = 10_000

/** A decision, and what each grant about the action says: for people who ask why. */
export function explain(
  policy: Policy,
  subject: Subject,
  request: AccessRequest,
  agents: readonly AccessAgent[],
): Explanation {
  const question = questionOf(subject, request, agents.length)
  const lists = policy.listsOf(subject)
  let left = mostAnswers
  const answersFor = (agent?: AccessAgent) => {
    const keyed = agent && new KeyedAgent(agent)
    const grants: GrantAnswer[] = []
    for (const [list, source, one] of grantsOf(lists, request)) {
      if (left-- <= 0) break
      grants.push(answerOf({ list, source, one }, question, keyed))
    }
    return { ...(agent && { agent_id: agent.agent_id }), grants }
  }
  return {
    decision: policy.decide(subject, request, agents),
    answers: agents.length === 0 ? [answersFor()] : agents.map(answersFor),
  }
}

function* grantsOf(
  lists: readonly RightsList[],
  { action }: AccessRequest,
): Generator<[RightsList, Source, CompiledGrant], void> {
  for (const list of lists) {
    for (const source of list.sources) {
      for (const one of source.list.about(action)?.all ?? []) yield [list, source, one]
    }
  }
}

function answerOf(
  { list, source, one }: { list: RightsList; source: Source; one: CompiledGrant },
  question: Question,
  agent: KeyedAgent | undefined,
): GrantAnswer {
  const failure: Failure | undefined = failureOn(source, one, question, agent)
  const about = { grant: one.name, of: list.owner, effect: one.grant.effect }
  if (failure) return { ...about, failed: { condition: failure.condition, reason: failure.reason() } }
  if (one.grant.effect === 'deny') return { ...about, says: 'deny' }
  return { ...about, says: approvalsOf(one, question).length > 0 ? 'approval' : 'allow' }
}
