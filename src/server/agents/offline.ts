import type { Agent } from '../../shared/agents/agent.js'

/** What is shown of an agent whose link has just closed. */
export function toOffline(agent: Agent): Agent {
  return { ...agent, sid: null, status: 'disconnected', last_seen_at: new Date().toISOString() }
}
