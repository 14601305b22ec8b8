import type {
  AgentJoin,
  AgentJoinReply,
  AgentTokenReply,
  AgentTokenRequest,
  AgentUpdate,
  CreatedJoinToken,
  JoinToken,
  ParsedJoinTokenRequest,
} from '../../../shared/access/join.js'
import { type Agent, MAX_LABELS } from '../../../shared/agents/agent.js'
import { sleep } from '../../../shared/async/sleep.js'
import { OgentError } from '../../../shared/errors.js'
import { type AuditFact, actorRef, type Events } from '../../events.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import type { Agents } from '../registry.js'
import { NO_FINGERPRINT } from './assertions.js'
import type { Enrolment } from './enrolment.js'
import type { AgentIdentity } from './identities.js'
import { noSuchToken } from './join-tokens.js'
import { revoked } from './joining.js'

/** How long a revoked agent's link may take to close until the agent is forgotten, in ms. */
const REVOKE_MS = 5000
const REVOKE_CHECK_MS = 20

export type EnrolmentServiceOptions = {
  enrolment: Enrolment
  agents: Agents
  policy: Policy
  events: Events
}

/** What people and programs do about keys, labels and the end of agents. All that has an actor throws FORBIDDEN. */
export class EnrolmentService {
  readonly #options: EnrolmentServiceOptions

  constructor(options: EnrolmentServiceOptions) {
    this.#options = options
  }

  /** Makes a join token, for labels that the actor may assign. */
  async createToken(actor: Actor, request: ParsedJoinTokenRequest): Promise<CreatedJoinToken> {
    const { policy, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage')
    policy.authorizeLabels(actor, request.labels, request.agent_id)
    return enrolment.joinTokens.create(
      request,
      actor.name,
      ({ token_id, labels, uses, expires_at, agent_id }) =>
        this.#audit(actor, 'join-tokens.create', `join-token:${token_id}`, {
          labels,
          uses,
          expires_at,
          agent_id,
        }),
    )
  }

  /** The tokens that can be used still and that the actor might have made, the newest first. */
  async listTokens(actor: Actor): Promise<JoinToken[]> {
    const { policy, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage')
    const all = await enrolment.joinTokens.list()
    return all.filter((token) => this.#mayMake(actor, token))
  }

  /** Ends a join token; agents that have joined by it stay. Throws NOT_FOUND. */
  async revokeToken(actor: Actor, token_id: string): Promise<void> {
    const { policy, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage')
    const held = await enrolment.joinTokens.get(token_id)
    if (!held || !this.#mayMake(actor, held.row)) throw noSuchToken(token_id)
    await enrolment.joinTokens.revoke(token_id, () =>
      this.#audit(actor, 'join-tokens.revoke', `join-token:${token_id}`),
    )
  }

  /** Changes the labels of an agent, the machine of its identity, or has its key replaced. Throws AGENT_NOT_FOUND, VALIDATION_FAILED. */
  async change(actor: Actor, agent_id: string, update: AgentUpdate): Promise<Agent> {
    const { policy, agents, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage', { agent_id })
    await agents.find(agent_id)
    const { labels, accept_machine, rotate_key } = update
    if (labels === undefined && !accept_machine && !rotate_key)
      throw invalid('labels', 'says nothing: labels, accept_machine or rotate_key is needed')
    const identity = await enrolment.identities.current(agent_id)
    if (identity?.revoked_at !== undefined) throw revoked(agent_id)
    if (labels !== undefined) await this.#label(actor, agent_id, labels, identity)
    if (accept_machine) await this.#acceptMachine(actor, agent_id)
    if (rotate_key) await this.#rotateKey(actor, agent_id)
    return agents.find(agent_id)
  }

  /**
   * Revokes an agent that has a key, connected or not, and forgets one that has none. Throws AGENT_NOT_FOUND, and AGENT_ID_TAKEN while
   * one without a key is connected.
   */
  async remove(actor: Actor, agent_id: string): Promise<void> {
    const { policy, agents, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage', { agent_id })
    const identity = await enrolment.identities.current(agent_id)
    if (identity) return this.#revoke(actor, identity)
    await agents.forget(agent_id)
    this.#audit(actor, 'agents.forget', `agent:${agent_id}`)
  }

  /** Revokes an agent: its key opens nothing any more. Throws AGENT_NOT_FOUND, and VALIDATION_FAILED for one without a key. */
  async revoke(actor: Actor, agent_id: string): Promise<void> {
    const { policy, agents, enrolment } = this.#options
    policy.authorize(actor, 'agents.manage', { agent_id })
    const identity = await enrolment.identities.current(agent_id)
    if (identity) return this.#revoke(actor, identity)
    await agents.find(agent_id)
    throw invalid('agent_id', `${agent_id} has no key to revoke: lock its account, and forget it`)
  }

  /** See `Joining.join`. */
  join(request: AgentJoin, address: string): Promise<AgentJoinReply> {
    return this.#options.enrolment.joining.join(request, address)
  }

  /** See `AgentTokens.issue`. */
  token(request: AgentTokenRequest, address: string): Promise<AgentTokenReply> {
    return this.#options.enrolment.tokens.issue(request, address)
  }

  async #revoke(actor: Actor, { agent_id, identity_id, revoked_at }: AgentIdentity): Promise<void> {
    const { agents, enrolment } = this.#options
    if (revoked_at !== undefined && !agents.known.get(agent_id))
      throw new OgentError('AGENT_NOT_FOUND', `Agent with ID ${agent_id} not found`)
    await enrolment.identities.change(
      agent_id,
      (now) =>
        now === undefined || now.revoked_at !== undefined
          ? undefined
          : { ...now, revoked_at: new Date().toISOString() },
      () => this.#audit(actor, 'agents.revoke', `agent:${agent_id}`, { identity_id }),
    )
    await forgetOnceClosed(agents, agent_id)
  }

  async #label(
    actor: Actor,
    agent_id: string,
    given: Record<string, string | null>,
    identity: AgentIdentity | undefined,
  ): Promise<void> {
    const { policy, enrolment } = this.#options
    let before: Record<string, string> = {}
    const changed = (labels: Record<string, string>) => {
      before = labels
      const now = merged(labels, given)
      if (Object.keys(now).length > MAX_LABELS) throw invalid('labels', `takes ${MAX_LABELS} labels at most`)
      policy.authorizeLabels(actor, labels, agent_id)
      policy.authorizeLabels(actor, now, agent_id)
      return now
    }
    const audit = () => this.#audit(actor, 'agents.label', `agent:${agent_id}`, { before, changes: given })
    if (!identity) return enrolment.identities.changeLabels(agent_id, changed, audit)
    await enrolment.identities.change(
      agent_id,
      (now) => {
        if (!now || now.revoked_at !== undefined) throw revoked(agent_id)
        return { ...now, assigned_labels: changed(now.assigned_labels) }
      },
      audit,
    )
  }

  async #acceptMachine(actor: Actor, agent_id: string): Promise<void> {
    await this.#options.enrolment.identities.change(
      agent_id,
      (now) => {
        if (!now) throw hasNoKey('accept_machine', agent_id)
        const { refused_fingerprint, fingerprint: _before, ...rest } = now
        if (refused_fingerprint === undefined)
          throw invalid('accept_machine', `no other machine has come with the key of ${agent_id}`)
        return refused_fingerprint === NO_FINGERPRINT ? rest : { ...rest, fingerprint: refused_fingerprint }
      },
      () => this.#audit(actor, 'agents.accept-machine', `agent:${agent_id}`),
    )
  }

  async #rotateKey(actor: Actor, agent_id: string): Promise<void> {
    await this.#options.enrolment.identities.change(
      agent_id,
      (now) => {
        if (!now) throw hasNoKey('rotate_key', agent_id)
        return { ...now, rotate_before: new Date().toISOString() }
      },
      () => this.#audit(actor, 'agents.rotate-key', `agent:${agent_id}`),
    )
  }

  #mayMake(actor: Actor, { labels, agent_id }: Pick<JoinToken, 'labels' | 'agent_id'>): boolean {
    try {
      this.#options.policy.authorizeLabels(actor, labels, agent_id ?? undefined)
      return true
    } catch (error) {
      if (error instanceof OgentError && error.status < 500) return false
      throw error
    }
  }

  #audit(actor: Actor, action: string, object: string, details: AuditFact['details'] = {}): void {
    this.#options.events.publish({
      type: 'audited',
      actor: actorRef(actor),
      action,
      object,
      verdict: 'allowed',
      reason: '',
      ip: actor.address,
      details,
    })
  }
}

/** Its link closes within a second, at whichever controller. One that does not is forgotten later, as any other. */
async function forgetOnceClosed(agents: Agents, agent_id: string): Promise<void> {
  const until = performance.now() + REVOKE_MS
  while (performance.now() < until) {
    try {
      return await agents.forget(agent_id)
    } catch (error) {
      const code = error instanceof OgentError ? error.code : undefined
      // It may never have been connected.
      if (code === 'AGENT_NOT_FOUND') return
      if (code !== 'AGENT_ID_TAKEN') throw error
      await sleep(REVOKE_CHECK_MS)
    }
  }
}

function merged(
  labels: Record<string, string>,
  given: Record<string, string | null>,
): Record<string, string> {
  const now = new Map(Object.entries(labels))
  for (const [name, value] of Object.entries(given)) {
    if (value === null) now.delete(name)
    else now.set(name, value)
  }
  return Object.fromEntries(now)
}

function hasNoKey(field: string, agent_id: string): OgentError {
  return invalid(field, `${agent_id} has no key: it logs in by the password of an account`)
}

function invalid(field: string, msg: string): OgentError {
  return new OgentError('VALIDATION_FAILED', `${field}: ${msg}`, {
    issues: [{ loc: [field], msg, type: 'invalid' }],
  })
}
