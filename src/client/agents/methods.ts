import type { Agent, AgentEvent } from '../../shared/agents/agent.js'
import type { Connection } from '../connection.js'
import type { CallOptions, LoopOptions } from '../options.js'
import { watchAgents } from './watch.js'

/** What a client does with agents. */
export interface AgentMethods {
  /** All agents that are known, those too that are not connected, in the order of their ids. */
  list(options?: CallOptions): Promise<Agent[]>
  /** One agent. Throws AGENT_NOT_FOUND. */
  get(agent_id: string, options?: CallOptions): Promise<Agent>
  /** Forgets an agent that is not connected. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN; takes the role admin. */
  forget(agent_id: string, options?: CallOptions): Promise<void>
  /**
   * A snapshot, then every change, for as long as the loop runs; after a lost socket a new snapshot. Each snapshot
   * begins anew: what was known before it no longer counts. For a loop that is more than 1,000 events behind, the
   * newest event of each agent is kept in place of those before it; one that is behind on 20,000 gets those, and then
   * a new snapshot.
   */
  watch(options?: LoopOptions): AsyncIterable<AgentEvent>
}

/** Agents asked for at a time; a page of fewer than this is the last one. */
const AGENTS_PAGE = 1000
const WHOLE_PAGE = 100

export function agentMethods({ trpc, call, renewToken }: Connection): AgentMethods {
  return {
    list: (options) => listAgents((query) => call((each) => trpc.agents.list.query(query, each), options)),
    get: (agent_id, options) => call((each) => trpc.agents.get.query({ agent_id }, each), options),
    forget: (agent_id, options) => call((each) => trpc.agents.forget.mutate({ agent_id }, each), options),
    watch: ({ signal } = {}) =>
      watchAgents({
        subscribe: (observer) => trpc.agents.events.subscribe(undefined, observer),
        renewToken,
        signal,
      }),
  }
}

/** All pages of them. A controller of before there were pages gives all of them to any query. */
async function listAgents(page: (query: { limit: number; cursor?: string }) => Promise<Agent[]>) {
  const agents = await page({ limit: AGENTS_PAGE })
  const seen = new Set(agents.map(({ agent_id }) => agent_id))
  for (let last = agents; last.length >= WHOLE_PAGE; ) {
    const cursor = last.at(-1)?.agent_id
    if (cursor === undefined) break
    last = (await page({ limit: AGENTS_PAGE, cursor })).filter(({ agent_id }) => !seen.has(agent_id))
    for (const agent of last) seen.add(agent.agent_id)
    agents.push(...last)
  }
  return agents
}
