import type { Agent } from '../../shared/agents/agent.js'
import type { AgentQuery } from '../../shared/agents/query.js'
import { matcherOf } from '../../shared/agents/selector/matcher.js'

/** Whether an agent fits a query: all that it says of agents has to hold. */
export function agentTest({
  selector,
  status,
  q,
}: Pick<AgentQuery, 'selector' | 'status' | 'q'>): (agent: Agent) => boolean {
  const isMeant = selector === undefined ? undefined : matcherOf(selector)
  const text = q?.toLowerCase()
  return (agent) => {
    if (status !== undefined && agent.status !== status) return false
    if (text !== undefined && !holds(agent, text)) return false
    return isMeant?.(agent) ?? true
  }
}

/** `text` is in lower case. */
function holds({ agent_id, hostname, labels }: Agent, text: string): boolean {
  return [agent_id, hostname, ...Object.values(labels)].some((one) => one.toLowerCase().includes(text))
}
