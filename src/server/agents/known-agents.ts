import type { Agent } from '../../shared/agents/agent.js'
import { MAX_LABELS } from '../../shared/agents/agent.js'
import { OgentError } from '../../shared/errors.js'
import { ScanTurns } from '../storage/scan-turns.js'
import { type AssignedFacts, noEnrolment } from './enrolment/facts.js'
import type { KnownAgent } from './store.js'

/** A page of agents ends after so many characters of JSON, if not before: what is said of one is bounded, not small. */
const PAGE_CHARACTERS = 4 * 1024 * 1024
/** How long the agents may be searched for one page, in ms of work: how long one agent takes is up to the selector. */
const MAX_SEARCH_MS = 5000

export type AgentPage = {
  agents: Agent[]
  /** The id after which the next page begins; undefined where there is none. */
  next: string | undefined
}

/** The agents that are known, each with the account that owns it, in a bound for each account. */
export class KnownAgents {
  readonly #agents = new Map<string, KnownAgent>()
  /** As the agents themselves say it, where something was assigned to them besides. */
  readonly #reported = new Map<string, KnownAgent>()
  readonly #factsOf: (agent_id: string) => AssignedFacts
  readonly #maxPerOwner: number
  readonly #maxSearchMs: number
  readonly #turns = new ScanTurns()
  readonly #owned = new Map<string, number>()
  /** Ids in order, made when they are asked for. */
  #sorted: string[] | undefined

  /** `factsOf`: what was assigned to an agent, which is shown with what it says of itself. */
  constructor(maxPerOwner: number, maxSearchMs = MAX_SEARCH_MS, factsOf = noEnrolment.facts) {
    this.#maxPerOwner = maxPerOwner
    this.#maxSearchMs = maxSearchMs
    this.#factsOf = factsOf
  }

  get size(): number {
    return this.#agents.size
  }

  /** With what was assigned to the agent. */
  get(agent_id: string): KnownAgent | undefined {
    return this.#agents.get(agent_id)
  }

  /** Without that: what stores keep. */
  reported(agent_id: string): KnownAgent | undefined {
    return this.#reported.get(agent_id) ?? this.#agents.get(agent_id)
  }

  /** All ids but those of these agents. */
  idsBut(some: readonly KnownAgent[]): string[] {
    const named = new Set(some.map(({ agent }) => agent.agent_id))
    return this.ids().filter((agent_id) => !named.has(agent_id))
  }

  ids(): string[] {
    this.#sorted ??= [...this.#agents.keys()].sort()
    return this.#sorted
  }

  /** Takes what an agent says of itself; gives it with what was assigned to the agent. */
  set(said: KnownAgent): KnownAgent {
    const known = normalized(said)
    const { agent_id } = known.agent
    const held = this.#agents.get(agent_id)
    if (!held) this.#sorted = undefined
    if (held?.owner !== known.owner) {
      if (held) this.#count(held.owner, -1)
      this.#count(known.owner, 1)
    }
    const shown = withFacts(known, this.#factsOf(agent_id))
    if (shown === known) this.#reported.delete(agent_id)
    else this.#reported.set(agent_id, known)
    this.#agents.set(agent_id, shown)
    return shown
  }

  delete(agent_id: string): void {
    const held = this.#agents.get(agent_id)
    if (!held) return
    this.#agents.delete(agent_id)
    this.#reported.delete(agent_id)
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

  /** Ids of the agents that match, in order. */
  idsOf(matches: (agent: Agent) => boolean): string[] {
    return this.ids().filter((agent_id) => {
      const agent = this.#agents.get(agent_id)?.agent
      return agent !== undefined && matches(agent)
    })
  }

  /**
   * Those that match and whose id comes after `cursor`, in the order of ids: `limit` at most, and fewer where they are
   * large. All that are known may have to be searched for a page, a slice at a time. Throws VALIDATION_FAILED where that
   * takes too long.
   */
  async page(
    cursor: string | undefined,
    limit: number,
    matches: (agent: Agent) => boolean = () => true,
  ): Promise<AgentPage> {
    // What is registered meanwhile makes another list: this one stays as it is.
    const ids = this.ids()
    const agents: Agent[] = []
    const from = cursor === undefined ? 0 : firstAfter(ids, cursor)
    let size = 0
    const scan = this.#turns.scan()
    for (let at = from; at < ids.length; at++) {
      if (scan.isDue) await scan.turn()
      if (scan.workedMs > this.#maxSearchMs) throw searchTooLong(ids.length)
      const agent = this.#agents.get(ids[at] ?? '')?.agent
      if (!agent || !matches(agent)) continue
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

/** Only the tests of a selector take so long: the rest is a few microseconds an agent. */
function searchTooLong(agents: number): OgentError {
  const msg = `takes too long over ${agents} agents: choose them by fewer or simpler comparisons`
  const issues = [{ loc: ['selector'], msg, type: 'selector_too_slow' }]
  return new OgentError('VALIDATION_FAILED', `selector: ${msg}`, { issues })
}

/** What an older version has not written. */
type Later = 'protocol' | 'features' | 'assigned_labels' | 'identity'

/** The store may hold what an older version wrote: more labels than are allowed now, and no protocol. */
function normalized(known: KnownAgent): KnownAgent {
  const stored: Omit<Agent, Later> & Partial<Agent> = known.agent
  const labels = Object.entries(stored.labels)
  const isNow = stored.protocol !== undefined && stored.assigned_labels !== undefined
  if (labels.length <= MAX_LABELS && isNow) return known
  const { protocol = 1, features = [], assigned_labels = {}, identity = null } = stored
  return {
    ...known,
    agent: {
      ...stored,
      labels: Object.fromEntries(labels.slice(0, MAX_LABELS)),
      assigned_labels,
      identity,
      protocol,
      features,
    },
  }
}

/** Assigned labels win over those that the agent reports, also where there is no room for all. */
function withFacts(known: KnownAgent, { labels, identity }: AssignedFacts): KnownAgent {
  const assigned = Object.entries(labels)
  if (assigned.length === 0 && identity === null) return known
  const reported = Object.entries(known.agent.labels).filter(([name]) => !Object.hasOwn(labels, name))
  const all = [...assigned, ...reported].slice(0, MAX_LABELS)
  return {
    ...known,
    agent: { ...known.agent, labels: Object.fromEntries(all), assigned_labels: labels, identity },
    assigned_labels: labels,
    identity_id: identity?.identity_id,
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
