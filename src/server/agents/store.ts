import type { Agent } from '../../shared/agents/agent.js'
import type { Machine } from '../../shared/link/protocol.js'

/** An agent as it is remembered: `owner` is the account that registered it first, `machine` where it was last. */
export type KnownAgent = { agent: Agent; owner: string; machine?: Machine | undefined }

export interface AgentStore {
  all(): Promise<KnownAgent[]>
  put(known: KnownAgent): Promise<void>
  /** False where it is kept, since it has a link. */
  forget(agent_id: string): Promise<boolean>
}
