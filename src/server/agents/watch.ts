import type { Agent, AgentEvent } from '../../shared/agents/agent.js'
import type { AgentChange, Events } from '../events.js'
import type { KnownAgents } from './known-agents.js'

/** How many presence events a subscriber may be behind before it begins anew with a snapshot. */
const WATCH_BACKLOG = 1000
/** Agents in a snapshot; those after them are sent one by one, as each subscriber reads them. */
const SNAPSHOT_AGENTS = 1000

/** Which agents a subscriber may see. */
type Visible = (agent: Agent) => boolean

/** Tells subscribers of agents that come and go, with a bound on what is held for each of them. */
export class AgentWatch {
  readonly #known: KnownAgents
  readonly #subscribers = new Set<(event: AgentEvent) => void>()

  constructor(known: KnownAgents, events: Events) {
    this.#known = known
    const tell = (event: AgentChange) => {
      for (const subscriber of this.#subscribers) subscriber(event)
    }
    for (const type of ['agent_connected', 'agent_disconnected', 'agent_forgotten'] as const)
      events.on(type, tell)
    // A subscriber that reads it as connected once more has the agent as it is.
    events.on('agent_changed', ({ agent }) => {
      for (const subscriber of this.#subscribers) subscriber(asEvent(agent))
    })
  }

  /** A snapshot, then every change from then on. */
  async *events(signal: AbortSignal, visible: Visible = () => true): AsyncGenerator<AgentEvent, void> {
    let queue: AgentEvent[] = []
    let behind = true
    let wake: (() => void) | undefined
    const subscriber = (event: AgentEvent) => {
      // A subscriber that reads too slowly misses the steps, not the outcome.
      if (queue.length < WATCH_BACKLOG) queue.push(event)
      else behind = true
      wake?.()
    }
    this.#subscribers.add(subscriber)
    const onAbort = () => wake?.()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        if (behind) {
          behind = false
          queue = []
          yield* this.#all(signal, visible)
          continue
        }
        const event = queue.shift()
        if (event) {
          if (event.type === 'snapshot' || visible(event.agent)) yield event
          continue
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      this.#subscribers.delete(subscriber)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** What changes while this is read is sent again afterwards, in its order: the last event of each agent is right. */
  async *#all(signal: AbortSignal, visible: Visible): AsyncGenerator<AgentEvent, void> {
    let { agents, next } = await this.#known.page(undefined, SNAPSHOT_AGENTS, visible)
    yield { type: 'snapshot', agents, timestamp: new Date().toISOString() }
    while (next !== undefined) {
      ;({ agents, next } = await this.#known.page(next, SNAPSHOT_AGENTS, visible))
      for (const agent of agents) {
        if (signal.aborted) return
        yield asEvent(agent)
      }
    }
  }
}

function asEvent(agent: Agent): AgentEvent {
  const type = agent.status === 'connected' ? 'agent_connected' : 'agent_disconnected'
  return { type, agent, timestamp: new Date().toISOString() }
}
