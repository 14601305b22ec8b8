import type { Agent } from '../../shared/agents/agent.js'
import type { Machine } from '../../shared/link/protocol.js'

/** An agent as it is remembered: `owner` is the account that registered it first, `machine` where it was last. */
export type KnownAgent = { agent: Agent; owner: string; machine?: Machine | undefined }

/** The agents of one controller, on disk. */
export interface AgentStore {
  all(): Promise<KnownAgent[]>
  put(known: KnownAgent): Promise<void>
  forget(agent_id: string): Promise<void>
}
