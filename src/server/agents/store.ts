import type { Agent } from '../../shared/agents/agent.js'
import type { Machine } from '../../shared/link/protocol.js'

/** An agent as it is remembered. */
export type KnownAgent = {
  agent: Agent
  /** The account that registered it first. */
  owner: string
  /** Where it was last. */
  machine?: Machine | undefined
  /** The labels that were assigned to it, which policies see; they go with its identity, not with its id. */
  assigned_labels?: Record<string, string> | undefined
  /** The identity of an agent that has a key. */
  identity_id?: string | undefined
}

/** The agents of one controller, on disk. */
export interface AgentStore {
  all(): Promise<KnownAgent[]>
  put(known: KnownAgent): Promise<void>
  forget(agent_id: string): Promise<void>
}
