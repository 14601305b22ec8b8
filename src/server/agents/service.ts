import type { Agent, AgentEvent } from '../../shared/agents/agent.js'
import type { AgentQuery } from '../../shared/agents/query.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import { agentTest } from './filter.js'
import type { AgentPage } from './known-agents.js'
import type { Agents } from './registry.js'

/** What people and programs do with agents, each call in the name of an actor. All throw FORBIDDEN. */
export class AgentService {
  readonly #agents: Agents
  readonly #policy: Policy

  constructor(agents: Agents, policy: Policy) {
    this.#agents = agents
    this.#policy = policy
  }

  /** A page of the agents that fit, in the order of their ids: see `KnownAgents.page`. */
  async list(actor: Actor, query: AgentQuery): Promise<AgentPage> {
    this.#policy.authorize(actor, 'agents.view')
    const { all, includes } = this.#policy.reach(actor, 'agents.view')
    const fits = agentTest(query)
    const matches = all ? fits : (agent: Agent) => includes(agent.agent_id) && fits(agent)
    return this.#agents.known.page(query.cursor, query.limit, matches)
  }

  /** Throws AGENT_NOT_FOUND. */
  async get(actor: Actor, agent_id: string): Promise<Agent> {
    this.#policy.authorize(actor, 'agents.view', { agent_id })
    return this.#agents.find(agent_id)
  }

  /** A snapshot, then every change from then on: see `AgentEvent`. */
  events(actor: Actor, signal: AbortSignal): AsyncGenerator<AgentEvent, void> {
    this.#policy.authorize(actor, 'agents.view')
    // Asked anew for each event: the policy may change while the subscription lasts.
    const visible = ({ agent_id }: Agent) => {
      const { all, includes } = this.#policy.reach(actor, 'agents.view')
      return all || includes(agent_id)
    }
    return this.#agents.events(signal, visible)
  }
}
