import type { Agent, AgentEvent } from '../../shared/agents/agent.js'
import type { AgentFilter } from '../../shared/agents/query.js'
import { CallSite } from '../call-site.js'
import type { Connection } from '../connection.js'
import { Listing } from '../listing.js'
import type { CallOptions, LoopOptions } from '../options.js'
import { type AgentsPageQuery, agentPages } from './pages.js'
import { type WatchObserver, watchAgents } from './watch.js'

/** Agents in the order of their ids: awaited, all of them; in a `for await`, each, as the pages come. Asked for by either. */
export interface AgentList extends Promise<Agent[]>, AsyncIterable<Agent> {}

/** What a client does with agents. */
export interface AgentMethods {
  /**
   * All agents that are known, or those that match a filter, connected or not, in the order of their ids: every page, unless
   * `limit` says how many. Throws VALIDATION_FAILED for a selector that cannot be parsed.
   */
  list(filter?: AgentFilter, options?: CallOptions): AgentList
  /** One agent. Throws AGENT_NOT_FOUND. */
  get(agent_id: string, options?: CallOptions): Promise<Agent>
  /**
   * Assigns labels to an agent, by name; null takes one away, and others stay. Assigned labels win over those that the agent reports, and
   * are the ones that policies see. Gives the agent as it is then. Throws AGENT_NOT_FOUND, AGENT_REVOKED; takes the role admin.
   */
  label(agent_id: string, labels: Record<string, string | null>, options?: CallOptions): Promise<Agent>
  /**
   * Revokes an agent that has a key: its link is closed, its open commands are lost, and its id is never given again. Throws
   * AGENT_NOT_FOUND, and VALIDATION_FAILED for one that has none; takes the role admin.
   */
  revoke(agent_id: string, options?: CallOptions): Promise<void>
  /**
   * Forgets an agent that is not connected, and revokes one that has a key. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN; takes the role
   * admin.
   */
  forget(agent_id: string, options?: CallOptions): Promise<void>
  /**
   * A snapshot, then every change, for as long as the loop runs; after a lost socket a new snapshot. Each snapshot
   * begins anew: what was known before it no longer counts. For a loop that is more than 1,000 events behind, the
   * newest event of each agent is kept in place of those before it; one that is behind on 20,000 gets those, and then
   * a new snapshot.
   */
  watch(options?: LoopOptions): AsyncIterable<AgentEvent>
}

export function agentMethods({ trpc, call, renewToken }: Connection): AgentMethods {
  const list: AgentMethods['list'] = (filter = {}, options) => {
    // A list asks when it is awaited, and no frame of the caller does that.
    const site = new CallSite(list)
    const page = (query: AgentsPageQuery) =>
      call((each) => trpc.agents.list.query(query, each), options, site)
    const pages = () => agentPages(filter, page)
    return new Listing(
      () => allOf(pages()),
      () => eachOf(pages()),
    )
  }
  const watch: AgentMethods['watch'] = ({ signal } = {}) => {
    const subscribe = (observer: WatchObserver) => trpc.agents.events.subscribe(undefined, observer)
    return watchAgents({ subscribe, renewToken, signal, site: new CallSite(watch) })
  }
  return {
    list,
    get: (agent_id, options) =>
      call((each) => trpc.agents.get.query({ agent_id }, each), options, { agent_id }),
    label: (agent_id, labels, options) =>
      call((each) => trpc.agents.label.mutate({ agent_id, labels }, each), options, { agent_id }),
    revoke: (agent_id, options) =>
      call((each) => trpc.agents.revoke.mutate({ agent_id }, each), options, { agent_id }),
    forget: (agent_id, options) =>
      call((each) => trpc.agents.forget.mutate({ agent_id }, each), options, { agent_id }),
    watch,
  }
}

async function allOf(pages: AsyncIterable<Agent[]>): Promise<Agent[]> {
  const all: Agent[] = []
  for await (const page of pages) for (const agent of page) all.push(agent)
  return all
}

async function* eachOf(pages: AsyncIterable<Agent[]>): AsyncGenerator<Agent, void> {
  for await (const page of pages) yield* page
}
