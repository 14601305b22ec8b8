import type { Agent } from '../../shared/agents/agent.js'
import type { AgentFilter } from '../../shared/agents/query.js'

/** Agents asked for at a time; a page of fewer than `WHOLE_PAGE` is the last one. */
const AGENTS_PAGE = 1000
const WHOLE_PAGE = 100

/** Which agents one call asks the controller for. */
export type AgentsPageQuery = AgentFilter & { limit: number }

/** The agents of all pages, or the first `limit` of them. A controller from before there were pages gives all to any query. */
export async function listAgents(
  { limit = Number.POSITIVE_INFINITY, cursor, ...filter }: AgentFilter = {},
  page: (query: AgentsPageQuery) => Promise<Agent[]>,
): Promise<Agent[]> {
  const agents = new Map<string, Agent>()
  let after = cursor
  while (true) {
    const wanted = Math.min(limit - agents.size, AGENTS_PAGE)
    const read = await page({ ...filter, limit: wanted, ...(after === undefined ? {} : { cursor: after }) })
    const fresh = read.filter(({ agent_id }) => !agents.has(agent_id)).slice(0, wanted)
    for (const agent of fresh) agents.set(agent.agent_id, agent)
    after = read.at(-1)?.agent_id
    // A page is shorter than what was asked for where its agents are large, and has 100 all the same.
    const isLast = read.length < Math.min(wanted, WHOLE_PAGE) || fresh.length === 0
    if (isLast || agents.size >= limit || after === undefined) return [...agents.values()]
  }
}
