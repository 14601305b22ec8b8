import type { AccessAgent, CommandFacts, CompiledPolicy, Subject } from '../../../access/request.js'
import { type Action, leastRole } from '../../../shared/access/actions.js'
import { type Decision, riskOf } from '../../../shared/access/policy.js'
import type { Agent } from '../../../shared/agents/agent.js'
import type { RiskLevel } from '../../../shared/analysis/analysis.js'
import type { ParsedCommandRequest } from '../../../shared/commands/request.js'
import { OgentError } from '../../../shared/errors.js'
import type { Events } from '../../events.js'
import type { Actor } from '../../transport/caller.js'
import type { Permit, Policy, Reach, Resource } from '../../transport/policy.js'
import { assertKnownRoles, type Delegation } from './roles.js'

export type PolicyDoorOptions = {
  /** What is in force now; `stored` undefined: the built-in roles alone. */
  current: {
    readonly revision: number
    readonly compiled: CompiledPolicy
    readonly stored: { policy: { roles: object } } | undefined
  }
  delegation: Delegation
  /** The labels that were assigned to an agent; undefined where it is not known here. */
  labelsOf: (agent_id: string) => Readonly<Record<string, string>> | undefined
  events: Events
}

/** The policy door: see `Policy`. What it refuses is in the audit. */
export class PolicyDoor implements Policy {
  readonly #options: PolicyDoorOptions

  constructor(options: PolicyDoorOptions) {
    this.#options = options
  }

  get revision(): number {
    return this.#options.current.revision
  }

  authorize(actor: Actor, action: Action, resource: Resource = {}): void {
    const { agent_id, command_id } = resource
    const asked = { action, now: Date.now() }
    const agents = agent_id === undefined ? [] : [this.#agent(agent_id)]
    const decision = this.#compiled.decide(subjectOf(actor), asked, agents)
    if (decision.verdict === 'allow') return
    if (
      agent_id === undefined ||
      this.#sees(actor, command_id === undefined ? 'agents.view' : 'commands.view', agent_id)
    )
      throw this.#refused(actor, action, objectOf(resource), decision)
    // Whether there is such a thing is not for this caller to know.
    this.#audit(actor, action, objectOf(resource), decision.reason)
    throw command_id === undefined
      ? new OgentError('AGENT_NOT_FOUND', `Agent with ID ${agent_id} not found`)
      : new OgentError('COMMAND_NOT_FOUND', `Command with ID ${command_id} not found`)
  }

  may(actor: Actor, action: Action): boolean {
    const asked = { action, now: Date.now() }
    return this.#compiled.decide(subjectOf(actor), asked, []).verdict === 'allow'
  }

  authorizeCommand(
    actor: Actor,
    request: ParsedCommandRequest,
    agent: Agent,
    judge: () => RiskLevel | Promise<RiskLevel>,
  ): Permit | Promise<Permit> {
    const { agent_id } = agent
    if (!this.#compiled.asksCommand(subjectOf(actor), 'run.shell', this.#agent(agent_id))) return {}
    return this.#permit(actor, request, agent, judge)
  }

  authorizeRoles(actor: Actor, roles: readonly string[]): void {
    assertKnownRoles(roles, this.#options.current.stored?.policy.roles ?? {})
    const beyond = roles.find((role) => !this.#options.delegation.mayGive(subjectOf(actor), role))
    if (beyond === undefined) return
    const reason = `${actor.name} may not give the role ${beyond}, which may do more than ${actor.name} may.`
    this.#audit(actor, 'users.manage', `role:${beyond}`, reason)
    throw new OgentError('FORBIDDEN', reason)
  }

  authorizeLabels(actor: Actor, labels: Readonly<Record<string, string>>, agent_id = ''): void {
    const asked = { action: 'agents.manage' as const, now: Date.now() }
    const decision = this.#compiled.decide(subjectOf(actor), asked, [{ agent_id, labels }])
    if (decision.verdict === 'allow') return
    const shown = Object.entries(labels).map(([name, value]) => `${name}=${value}`)
    const which = shown.length === 0 ? 'agents without labels' : `agents with the labels ${shown.join(', ')}`
    const reason = `${actor.name} may not manage ${which}.`
    this.#audit(actor, 'agents.manage', `labels:${shown.join(',')}`, reason)
    throw new OgentError('FORBIDDEN', reason)
  }

  reach(actor: Actor, action: Action): Reach {
    const { all, test } = this.#compiled.reach(subjectOf(actor), action, Date.now())
    return { all, includes: (agent_id) => all || test(this.#agent(agent_id)) }
  }

  async #permit(
    actor: Actor,
    request: ParsedCommandRequest,
    agent: Agent,
    judge: () => RiskLevel | Promise<RiskLevel>,
  ): Promise<Permit> {
    const risk = riskOf(await judge())
    const command = factsOf(request, agent, () => risk)
    const asked = { action: 'run.shell' as const, command, now: Date.now() }
    const decision = this.#compiled.decide(subjectOf(actor), asked, [this.#agent(agent.agent_id)])
    if (decision.verdict === 'allow') {
      const { max_timeout_seconds } = decision.obligations
      return { max_timeout_seconds, execution_target: command.target }
    }
    throw this.#refused(actor, 'run.shell', `agent:${agent.agent_id}`, decision)
  }

  get #compiled(): CompiledPolicy {
    return this.#options.current.compiled
  }

  #agent(agent_id: string): AccessAgent {
    return { agent_id, labels: this.#options.labelsOf(agent_id) ?? {} }
  }

  #sees(actor: Actor, action: Action, agent_id: string): boolean {
    const asked = { action, now: Date.now() }
    return this.#compiled.decide(subjectOf(actor), asked, [this.#agent(agent_id)]).verdict === 'allow'
  }

  #refused(actor: Actor, action: Action, object: string, decision: Decision): OgentError {
    const reason = this.#sentence(actor, action, decision)
    this.#audit(actor, action, object, reason, decision.grant)
    return new OgentError(decision.verdict === 'approval' ? 'APPROVAL_REQUIRED' : 'FORBIDDEN', reason)
  }

  /** With the built-in roles alone the role that is missing says more than that no grant fits. */
  #sentence({ name, roles, narrowed }: Actor, action: Action, { verdict, reason, grant }: Decision): string {
    if (verdict === 'approval') {
      const by = grant === undefined ? '' : ` by the grant ${grant}`
      return `This takes the approval of others${by}, which this controller cannot collect yet. ${reason}`
    }
    if (this.#options.current.stored || narrowed) return reason
    return `This takes the role ${leastRole[action]}; ${name} is ${roles.join(', ') || 'of no role'}.`
  }

  #audit(actor: Actor, action: Action, object: string, reason: string, grant?: string): void {
    const details = grant === undefined ? {} : { details: { grant } }
    this.#options.events.publish({
      type: 'audited',
      actor,
      action,
      object,
      verdict: 'denied',
      reason,
      ip: actor.address,
      ...details,
    })
  }
}

export function subjectOf({ kind, name, roles, narrowed, authenticated_at }: Actor): Subject {
  return { id: `${kind}:${name}`, roles, narrowed, authenticated_at }
}

/** What of a request a policy looks at; `auto` is where the agent runs commands. */
function factsOf(
  request: ParsedCommandRequest,
  { agent_info }: Agent,
  risk: CommandFacts['risk'],
): CommandFacts {
  const { command, execution_target, env = {}, stdin, open_stdin, cwd, timeout_seconds } = request
  const ssh = execution_target === 'auto' ? agent_info.ssh_enabled : execution_target === 'ssh'
  return {
    text: command,
    target: ssh ? 'ssh' : 'local',
    env: Object.keys(env),
    stdin: stdin !== undefined || open_stdin === true,
    cwd,
    timeout_seconds,
    risk,
  }
}

function objectOf({ agent_id, command_id }: Resource): string {
  if (command_id !== undefined) return `command:${command_id}`
  return agent_id === undefined ? '' : `agent:${agent_id}`
}
