import type { CompiledPolicy, Subject } from '../../../access/request.js'
import {
  type AccessExplanation,
  MAX_EXPLAINED,
  NO_POLICY,
  type ParsedExplainRequest,
  type PolicyCheck,
  type PolicyFault,
  type PolicyReply,
} from '../../../shared/access/explain.js'
import { type AccessPolicy, type Grant, riskOf } from '../../../shared/access/policy.js'
import { matcherOf } from '../../../shared/agents/selector/matcher.js'
import { idsOf } from '../../../shared/agents/selector.js'
import type { RiskLevel } from '../../../shared/analysis/analysis.js'
import { OgentError } from '../../../shared/errors.js'
import type { Events } from '../../events.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import { changesBetween, removesLimits } from './changes.js'
import type { CurrentPolicy } from './current.js'
import { subjectOf } from './door.js'
import { type StoredPolicy, toStored } from './store.js'
import { toWritten } from './written.js'

/** The accounts as a policy sees them. */
export type Subjects = {
  /** An account by its name in bindings, such as `user:ann`; undefined where there is none, or it is locked. */
  find(id: string): Subject | undefined
  /** All that can log in. */
  all(): Subject[]
}

/** What is asked of the room that knows policies. */
export type PolicyRules<Compiled extends CompiledPolicy> = {
  compile(policy: AccessPolicy | undefined): Compiled
  /** What is wrong with a policy, its tests among it; empty where nothing is. */
  check(policy: AccessPolicy): PolicyFault[]
  grantsOf(policy: AccessPolicy | undefined, role: string): readonly Grant[]
  /** Whether each of these grants is within what an account may do itself. */
  mayDelegate(compiled: Compiled, subject: Subject, grants: readonly Grant[]): boolean
  explain(
    compiled: Compiled,
    subject: Subject,
    request: Parameters<CompiledPolicy['decide']>[1],
    agents: Parameters<CompiledPolicy['decide']>[2],
  ): Pick<AccessExplanation, 'considered'>
}

/** Agents as explanations look for them. */
type ExplainedAgents = {
  idsOf(matches: ReturnType<typeof matcherOf>): string[]
  get(agent_id: string): { assigned_labels?: Record<string, string> | undefined } | undefined
}

export type PolicyServiceOptions<Compiled extends CompiledPolicy> = {
  current: CurrentPolicy<Compiled>
  rules: PolicyRules<Compiled>
  policy: Policy
  subjects: Subjects
  agents: ExplainedAgents
  /** The risk of a command's text. */
  judge: (command: string, account: string) => Promise<RiskLevel>
  events: Events
}

const EMPTY: AccessPolicy = { roles: {}, bindings: [], tests: [] }

/** What people do with the policy: read, check, save, and have it explained. */
export class PolicyService<Compiled extends CompiledPolicy = CompiledPolicy> {
  readonly #options: PolicyServiceOptions<Compiled>

  constructor(options: PolicyServiceOptions<Compiled>) {
    this.#options = options
  }

  /** Throws FORBIDDEN, UNAVAILABLE. */
  async get(actor: Actor): Promise<PolicyReply> {
    this.#options.policy.authorize(actor, 'policy.manage')
    await this.#options.current.refresh()
    return toReply(this.#options.current.stored)
  }

  /** What is wrong with a policy, without saving it. Throws FORBIDDEN. */
  async check(actor: Actor, policy: AccessPolicy): Promise<PolicyCheck> {
    this.#options.policy.authorize(actor, 'policy.manage')
    const faults = this.#faults(policy)
    return { ok: faults.length === 0, faults }
  }

  /**
   * Saves a policy in the place of the one that `if_match` names. It counts at once here, and within a second at every other
   * controller. Throws FORBIDDEN, VALIDATION_FAILED, POLICY_CHANGED, UNAVAILABLE.
   */
  async save(actor: Actor, policy: AccessPolicy, if_match: string): Promise<PolicyReply> {
    const { current, policy: door } = this.#options
    door.authorize(actor, 'policy.manage')
    const faults = this.#faults(policy)
    if (faults.length > 0) {
      const issues = faults.map(({ loc, msg, type }) => ({ loc: ['policy', ...loc], msg, type }))
      throw new OgentError('VALIDATION_FAILED', faults.map(({ msg }) => msg).join('; '), { issues })
    }
    await current.refresh()
    const before = current.stored
    if (if_match !== '*' && if_match !== (before?.etag ?? NO_POLICY)) throw changed()
    this.#assertWithinReach(actor, before?.policy ?? EMPTY, policy)
    const stored = toStored(policy, actor.name)
    if (!(await current.replace(before?.etag, stored))) throw changed()
    const details = { etag: stored.etag, before: before?.etag ?? null }
    this.#audit(actor, 'allowed', '', details)
    return toReply(stored)
  }

  /** Throws FORBIDDEN about others without `policy.manage`, VALIDATION_FAILED. */
  async explain(actor: Actor, asked: ParsedExplainRequest): Promise<AccessExplanation> {
    const { current, rules } = this.#options
    const subject = this.#subject(actor, asked.as)
    const { compiled } = current
    const agents = asked.agents === undefined ? [] : this.#agents(actor, asked.agents)
    const request = await this.#request(actor, asked)
    const decision = compiled.decide(subject, request, agents)
    const each = agents.slice(0, MAX_EXPLAINED).map((agent) => {
      const { verdict, reason } = compiled.decide(subject, { ...request, count: agents.length }, [agent])
      return { agent_id: agent.agent_id, verdict, reason }
    })
    const { considered } = rules.explain(compiled, subject, request, agents)
    return { ...decision, per_agent: decision.per_agent?.slice(0, MAX_EXPLAINED), agents: each, considered }
  }

  #subject(actor: Actor, as: string | undefined): Subject {
    const self = subjectOf(actor)
    if (as === undefined || as === self.id || (as === actor.name && actor.kind === 'user')) return self
    this.#options.policy.authorize(actor, 'policy.manage')
    const id = as.includes(':') ? as : `user:${as}`
    if (id.startsWith('role:')) return { id, roles: [id.slice('role:'.length)] }
    if (id.startsWith('group:')) return { id, roles: [], groups: [id.slice('group:'.length)] }
    const subject = this.#options.subjects.find(id)
    if (!subject) throw invalid(['as'], `there is no account ${as}, or it is locked`, 'unknown_account')
    return subject
  }

  /** Agents by what is known of them; ids that are not known count as agents without labels. */
  #agents(actor: Actor, selector: NonNullable<ParsedExplainRequest['agents']>) {
    const { agents: known, policy } = this.#options
    const { all, includes } = policy.reach(actor, 'agents.view')
    const found = new Set([...known.idsOf(matcherOf(selector)), ...idsOf(selector)])
    const visible = [...found].filter((agent_id) => all || includes(agent_id))
    if (visible.length === 0) throw invalid(['agents'], 'means no agent that is known', 'no_agents')
    return visible.map((agent_id) => ({ agent_id, labels: known.get(agent_id)?.assigned_labels ?? {} }))
  }

  async #request(
    actor: Actor,
    { action, command, target, env, stdin, cwd, timeout_seconds }: ParsedExplainRequest,
  ) {
    if (command === undefined) return { action, now: Date.now() }
    const risk = riskOf(await this.#options.judge(command, actor.name))
    const facts = { text: command, target, env, stdin, cwd, timeout_seconds, risk: () => risk }
    return { action, command: facts, now: Date.now() }
  }

  #faults(policy: AccessPolicy): PolicyFault[] {
    const { rules, subjects } = this.#options
    const faults = rules.check(policy)
    if (faults.length > 0) return faults
    const compiled = rules.compile(policy)
    const managers = subjects
      .all()
      .some((subject) => compiled.reach(subject, 'policy.manage', Date.now()).all)
    if (managers) return []
    const msg = 'no account could change the policy any more: one at least needs policy.manage on all agents'
    return [{ loc: [], msg, type: 'no_manager' }]
  }

  /** Who may manage all may change all; others change what they could do themselves, and no limit of others. */
  #assertWithinReach(actor: Actor, before: AccessPolicy, after: AccessPolicy): void {
    const { current, rules } = this.#options
    const subject = subjectOf(actor)
    if (current.compiled.reach(subject, 'policy.manage', Date.now()).all) return
    const limit = removesLimits(before, after)
    const beyond = changesBetween(before, after, rules.grantsOf).find(
      ({ grants }) => !rules.mayDelegate(current.compiled, subject, grants),
    )
    const loc = limit ?? beyond?.loc
    if (!loc) return
    const reason = `${actor.name} may not change ${loc.join('.')} of the policy, which goes beyond what ${actor.name} may.`
    this.#audit(actor, 'denied', reason, {})
    throw new OgentError('FORBIDDEN', reason)
  }

  #audit(
    actor: Actor,
    verdict: 'allowed' | 'denied',
    reason: string,
    details: Record<string, unknown>,
  ): void {
    const { address: ip } = actor
    this.#options.events.publish({
      type: 'audited',
      actor,
      action: 'policy.save',
      object: 'policy',
      verdict,
      reason,
      ip,
      details,
    })
  }
}

function toReply(stored: StoredPolicy | undefined): PolicyReply {
  if (!stored) return { policy: toWritten(EMPTY), etag: NO_POLICY, saved_at: null, saved_by: null }
  const { policy, etag, saved_at, saved_by } = stored
  return { policy: toWritten(policy), etag, saved_at, saved_by }
}

function changed(): OgentError {
  return new OgentError(
    'POLICY_CHANGED',
    'The policy was changed since it was read: read it again, and change that.',
  )
}

function invalid(loc: string[], msg: string, type: string): OgentError {
  return new OgentError('VALIDATION_FAILED', `${loc.join('.')}: ${msg}`, { issues: [{ loc, msg, type }] })
}
