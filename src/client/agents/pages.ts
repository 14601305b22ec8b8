import type { Agent } from '../../shared/agents/agent.js'
import type { AgentFilter } from '../../shared/agents/query.js'

/** Agents asked for at a time; a page of fewer than this is the last one. */
const AGENTS_PAGE = 1000
const WHOLE_PAGE = 100

/** Which agents one call asks the controller for. */
export type AgentsPageQuery = AgentFilter & { limit: number }

/**
 * Pages of the agents that match, none of them empty, of `limit` agents together. A controller of before there were pages gives
 * all agents to any query.
 */
export async function* agentPages(
  { limit = Number.POSITIVE_INFINITY, cursor, ...filter }: AgentFilter,
  page: (query: AgentsPageQuery) => Promise<Agent[]>,
): AsyncGenerator<Agent[], void> {
  const seen = new Set<string>()
  let after = cursor
  while (seen.size < limit) {
    const wanted = Math.min(limit - seen.size, AGENTS_PAGE)
    const read = await page({ ...filter, limit: wanted, ...(after === undefined ? {} : { cursor: after }) })
    const agents = read.filter(({ agent_id }) => !seen.has(agent_id)).slice(0, wanted)
    if (agents.length === 0) return
    for (const { agent_id } of agents) seen.add(agent_id)
    yield agents
    after = read.at(-1)?.agent_id
    // A page is shorter than what was asked for where its agents are large, and has 100 all the same.
    if (read.length < Math.min(wanted, WHOLE_PAGE)) return
  }
}
