import type { Agent } from '../../shared/agents/agent.js'
import { MAX_LABELS } from '../../shared/agents/agent.js'
import { OgentError } from '../../shared/errors.js'
import type { KnownAgent } from './store.js'

/** A page of agents ends after so many characters of JSON, if not before: what is said of one is bounded, not small. */
const PAGE_CHARACTERS = 4 * 1024 * 1024
/** How long agents are looked at before other work gets its turn, in ms: how long one takes is up to the selector. */
const LOOK_MS = 10

export type AgentPage = {
  agents: Agent[]
  /** The id after which the next page begins; undefined where there is none. */
  next: string | undefined
}

/** The agents that are known, each with the account that owns it, in a bound for each account. */
export class KnownAgents {
  readonly #agents = new Map<string, KnownAgent>()
  readonly #maxPerOwner: number
  readonly #owned = new Map<string, number>()
  /** Ids in order, made when they are asked for. */
  #sorted: string[] | undefined

  constructor(maxPerOwner: number) {
    this.#maxPerOwner = maxPerOwner
  }

  get size(): number {
    return this.#agents.size
  }

  get(agent_id: string): KnownAgent | undefined {
    return this.#agents.get(agent_id)
  }

  ids(): string[] {
    this.#sorted ??= [...this.#agents.keys()].sort()
    return this.#sorted
  }

  set(known: KnownAgent): void {
    const { agent_id } = known.agent
    const held = this.#agents.get(agent_id)
    if (!held) this.#sorted = undefined
    if (held?.owner !== known.owner) {
      if (held) this.#count(held.owner, -1)
      this.#count(known.owner, 1)
    }
    this.#agents.set(agent_id, normalized(known))
  }

  delete(agent_id: string): void {
    const held = this.#agents.get(agent_id)
    if (!held) return
    this.#agents.delete(agent_id)
    this.#sorted = undefined
    this.#count(held.owner, -1)
  }

  /**
   * Counts an id that is about to be registered as one of its owner's; the returned function takes that back. Throws
   * RATE_LIMITED where the owner has as many as an account may have.
   */
  reserve(agent_id: string, owner: string): () => void {
    if (this.#agents.has(agent_id)) return () => {}
    const owned = this.#owned.get(owner) ?? 0
    if (owned >= this.#maxPerOwner) {
      throw new OgentError(
        'RATE_LIMITED',
        `${owner} has ${owned} agents, which is the limit (MAX_AGENTS_PER_USER): forget those that are gone, as by \`ogent agents forget\`.`,
      )
    }
    this.#count(owner, 1)
    return () => this.#count(owner, -1)
  }

  /** Ids of the agents that fit, in order. */
  idsOf(fits: (agent: Agent) => boolean): string[] {
    return this.ids().filter((agent_id) => {
      const agent = this.#agents.get(agent_id)?.agent
      return agent !== undefined && fits(agent)
    })
  }

  /**
   * Those that fit and whose id comes after `cursor`, in the order of ids: `limit` at most, and fewer where they are
   * large. All that are known may have to be looked at for a page, a while at a time.
   */
  async page(
    cursor: string | undefined,
    limit: number,
    fits: (agent: Agent) => boolean = () => true,
  ): Promise<AgentPage> {
    // What is registered meanwhile makes another list: this one stays as it is.
    const ids = this.ids()
    const agents: Agent[] = []
    const from = cursor === undefined ? 0 : firstAfter(ids, cursor)
    let size = 0
    let began = performance.now()
    for (let at = from; at < ids.length; at++) {
      if (performance.now() - began > LOOK_MS) {
        await new Promise((resolve) => setImmediate(resolve))
        began = performance.now()
      }
      const agent = this.#agents.get(ids[at] ?? '')?.agent
      if (!agent || !fits(agent)) continue
      if (agents.length >= limit || size >= PAGE_CHARACTERS) {
        return { agents, next: agents.at(-1)?.agent_id }
      }
      agents.push(agent)
      size += JSON.stringify(agent).length
    }
    return { agents, next: undefined }
  }

  #count(owner: string, by: 1 | -1): void {
    const owned = (this.#owned.get(owner) ?? 0) + by
    if (owned > 0) this.#owned.set(owner, owned)
    else this.#owned.delete(owner)
  }
}

/** The store may hold what an older version wrote: more labels than are allowed now, and no protocol. */
function normalized(known: KnownAgent): KnownAgent {
  const stored: Omit<Agent, 'protocol' | 'features'> & Partial<Agent> = known.agent
  const labels = Object.entries(stored.labels)
  if (labels.length <= MAX_LABELS && stored.protocol !== undefined) return known
  const { protocol = 1, features = [] } = stored
  return {
    ...known,
    agent: { ...stored, labels: Object.fromEntries(labels.slice(0, MAX_LABELS)), protocol, features },
  }
}

/** Where the first id after `cursor` is, by halving. */
function firstAfter(ids: string[], cursor: string): number {
  let from = 0
  let to = ids.length
  while (from < to) {
    const middle = (from + to) >> 1
    if ((ids[middle] ?? '') > cursor) to = middle
    else from = middle + 1
  }
  return from
}
