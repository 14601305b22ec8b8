/**
 * What a policy decides: pure functions for the controller, the agent and the CLI alike, without a clock, a store or a
 * network. `compilePolicy` makes a policy ready once; what follows reads that.
 *
 * **Who.** The rights of a subject are the grants of its own roles and of the roles that are bound to its id or to one of
 * its groups. `viewer`, `operator`, `admin` and `agent` are built in; a role of another name that the policy does not
 * define gives nothing. Each list of `narrowed` (a token's grants) is decided by itself, and a request takes all of them.
 *
 * **A grant is one conjunction.** It fits a request that meets everything it says, on each agent by itself; two grants
 * never add up to what neither allows. Any deny that fits wins, and what no grant allows is denied. Of several grants
 * that allow, the one with the weakest obligations counts. Where no command is asked about, conditions on commands are
 * not looked at, and a deny that has some does not apply.
 *
 * **Commands** are read by `commands/`, twice: a small reader that takes only words which mean the same in every shell,
 * and the guard, which finds what runs inside of what runs. Everything that either finds has to fit a rule. A deny goes
 * the other way: what may fit it does (its patterns fit paths and options too, its programs in any folder), and so does
 * what could not be read.
 *
 * `containment.ts` compares grants without a request, for delegation: its answers are certain, or no.
 */
import type { Action } from '../shared/access/actions.js'
import type { AccessPolicy, ApprovalNeed, Decision, Risk } from '../shared/access/policy.js'
import { CommandReading } from './commands/reading.js'
import type { Question } from './conditions.js'
import { askedFor, decideAnywhere, decideOn, type ListVerdict } from './decision.js'
import { KeyedAgent } from './grants.js'
import { asksFor, reachOn } from './reach.js'
import type { AccessAgent, AccessRequest, CompiledPolicy, Subject } from './request.js'
import { type RightsList, SubjectRights } from './subjects.js'

/** Makes a policy ready. Without one the built-in roles alone count. Throws VALIDATION_FAILED for what `policySchema` refuses. */
export function compilePolicy(policy: AccessPolicy | undefined): Policy {
  return new Policy(policy ?? { roles: {}, bindings: [] })
}

/** A policy, made ready: what `compilePolicy` gives. */
export class Policy implements CompiledPolicy {
  readonly #rights: SubjectRights

  constructor(policy: Pick<AccessPolicy, 'roles' | 'bindings'>) {
    this.#rights = new SubjectRights(policy)
  }

  decide(subject: Subject, request: AccessRequest, agents: readonly AccessAgent[]): Decision {
    const lists = this.listsOf(subject)
    const question = questionOf(subject, request, agents.length)
    if (agents.length === 0) {
      const whole = together(lists.map((list) => decideAnywhere(list, question)))
      return decisionOf(request.action, [{ whole }])
    }
    const found = agents.map((agent) => {
      const keyed = new KeyedAgent(agent)
      return { agent, whole: together(lists.map((list) => decideOn(list, question, keyed))) }
    })
    return decisionOf(request.action, found)
  }

  asksCommand(subject: Subject, action: Action, agent: AccessAgent): boolean {
    const keyed = new KeyedAgent(agent)
    const asks = this.listsOf(subject).map((list) => asksFor(list, action, keyed))
    // What one list denies in any case, no command can change.
    return !asks.includes('denied') && asks.includes('command')
  }

  reach(subject: Subject, action: Action, now: number) {
    const question = questionOf(subject, { action, now }, 1)
    const reaches = this.listsOf(subject).map((list) => reachOn(list, question))
    return {
      all: reaches.every(({ all }) => all),
      test: (agent: AccessAgent) => {
        const keyed = new KeyedAgent(agent)
        return reaches.every(({ test }) => test(keyed))
      },
    }
  }

  /** The lists of grants that all have to allow what a subject does: its own, and those that narrow it. */
  listsOf(subject: Subject): readonly RightsList[] {
    return this.#rights.of(subject)
  }
}

/** About 10 ms of work. */
const mostComparisons = 20_000

/** A question about a request; what it costs to answer is found out once, and only where a grant depends on it. */
export function questionOf(subject: Subject, request: AccessRequest, agents: number): Question {
  const { command } = request
  let risk: Risk | undefined
  return {
    subject,
    request,
    count: request.count ?? agents,
    reading: command?.text === undefined ? undefined : new CommandReading(command.text),
    risk: () => {
      // Without a command there is none to judge, and no grant asks.
      risk ??= command?.risk() ?? 'high'
      return risk
    },
    failures: new Map(),
    comparisons: mostComparisons,
  }
}

/** What all lists say together: the first that denies, or else the obligations of each. */
type Whole = {
  verdict: Decision['verdict']
  by: readonly string[]
  why: () => string
  approvals: readonly ApprovalNeed[]
  max_timeout_seconds: number | undefined
}

function together(verdicts: readonly ListVerdict[]): Whole {
  const whole = { approvals: [], max_timeout_seconds: undefined }
  const by: string[] = []
  const approvals: ApprovalNeed[] = []
  let limit: number | undefined
  for (const one of verdicts) {
    if (one.verdict === 'deny')
      return { ...whole, verdict: 'deny', by: one.by ? [one.by.name] : [], why: one.why }
    by.push(one.by.name)
    approvals.push(...one.approvals)
    limit = shorter(limit, one.by.grant.max_timeout_seconds)
  }
  const verdict = approvals.length > 0 ? 'approval' : 'allow'
  return { verdict, by, why: () => by.join(' and '), approvals, max_timeout_seconds: limit }
}

type Found = { agent?: AccessAgent; whole: Whole }

function decisionOf(action: Action, found: readonly Found[]): Decision {
  const denied = found.filter(({ whole }) => whole.verdict === 'deny')
  if (denied.length > 0) return denial(action, denied)
  let limit: number | undefined
  const approvals = new Map<string, ApprovalNeed>()
  for (const { whole } of found) {
    limit = shorter(limit, whole.max_timeout_seconds)
    for (const need of whole.approvals) approvals.set(JSON.stringify(need), need)
  }
  // The agent with the strictest answer says why.
  const waiting = found.find(({ whole }) => whole.verdict === 'approval')
  const shown = waiting ?? found.find(({ whole }) => whole.max_timeout_seconds === limit) ?? found[0]
  const by = shown?.whole.by ?? []
  const asked = askedFor(action, shown?.agent?.agent_id)
  return {
    verdict: waiting ? 'approval' : 'allow',
    ...(by[0] === undefined ? {} : { grant: by[0] }),
    reason: `${by.join(' and ')} ${by.length > 1 ? 'allow' : 'allows'} ${asked}${waiting ? ` with ${votesOf(waiting.whole)}` : ''}.`,
    obligations: {
      ...(limit === undefined ? {} : { max_timeout_seconds: limit }),
      ...(approvals.size === 0 ? {} : { approvals: [...approvals.values()] }),
    },
  }
}

function denial(action: Action, denied: readonly Found[]): Decision {
  const per_agent = denied.flatMap(({ agent, whole }) => {
    return agent ? [{ agent_id: agent.agent_id, reason: sentence(action, agent, whole) }] : []
  })
  const [first] = denied
  const grant = first?.whole.by[0]
  const others = denied.length - 1
  const more = others === 0 ? '' : ` Nor on ${others} more ${others === 1 ? 'agent' : 'agents'}.`
  return {
    verdict: 'deny',
    ...(grant === undefined ? {} : { grant }),
    reason: (first ? sentence(action, first.agent, first.whole) : `${action} is not allowed.`) + more,
    ...(per_agent.length === 0 ? {} : { per_agent }),
    obligations: {},
  }
}

function sentence(action: Action, agent: AccessAgent | undefined, { why }: Whole): string {
  return `${askedFor(action, agent?.agent_id)} is not allowed: ${why()}.`
}

function votesOf({ approvals }: Whole): string {
  const needs = approvals.map(({ needed, from }) => `${needed} of ${from.join(', ')}`)
  return `approvals: ${needs.join('; ')}`
}

function shorter(a: number | undefined, b: number | undefined): number | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return Math.min(a, b)
}
