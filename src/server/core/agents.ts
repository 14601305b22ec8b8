import type { Agent, AgentEvent, AgentInfo } from '../../shared/agent.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { Identity } from '../../shared/identity.js'
import type { Hello } from '../../shared/link.js'
import { AgentLink } from './agent-link.js'
import type { AgentStore, KnownAgent, Log } from './ports.js'

/** How many presence events a watcher may be behind before it gets a fresh snapshot instead. */
const WATCH_BACKLOG = 1000

/** The agents: who is known, who is connected, and by which link. */
export class Agents {
  /** Called when an agent's link is open, before the link's first event. */
  onLinked: (link: AgentLink, hello: Hello) => Promise<void> = async () => {}
  /** Called when an agent's link is gone and no other took its place. */
  onLost: (link: AgentLink) => void = () => {}

  readonly #store: AgentStore
  readonly #log: Log
  readonly #known = new Map<string, KnownAgent>()
  readonly #links = new Map<string, AgentLink>()
  readonly #watchers = new Set<(event: AgentEvent) => void>()

  constructor(store: AgentStore, log: Log) {
    this.#store = store
    this.#log = log
  }

  /** Reads the known agents; all of them are away until they say hello. */
  async load(): Promise<void> {
    for (const known of await this.#store.all()) {
      const agent: Agent = { ...known.agent, sid: null, status: 'disconnected' }
      this.#known.set(agent.agent_id, { ...known, agent })
    }
  }

  list(): Agent[] {
    return [...this.#known.values()].map(({ agent }) => agent)
  }

  /** Throws AGENT_NOT_FOUND. */
  get(agent_id: string): Agent {
    const known = this.#known.get(agent_id)
    if (!known) throw new OgentError('AGENT_NOT_FOUND', `Agent with ID ${agent_id} not found`)
    return known.agent
  }

  link(agent_id: string): AgentLink | undefined {
    return this.#links.get(agent_id)
  }

  linkBySid(sid: string, agent_id: string | undefined): AgentLink | undefined {
    const link = agent_id === undefined ? undefined : this.#links.get(agent_id)
    return link?.sid === sid ? link : undefined
  }

  /**
   * Registers an agent on a new link. Throws AGENT_ID_TAKEN when another instance holds the id, FORBIDDEN when
   * another account registered it.
   */
  async connect(hello: Hello, identity: Identity): Promise<AgentLink> {
    const agent_id = hello.agent_id ?? `agent-${newId()}`
    this.#mayTake(agent_id, hello, identity)
    const link = new AgentLink(agent_id, hello.instance_id)
    // The same instance is back on a new connection: the old one is dead, even if nobody told us yet.
    this.#links.get(agent_id)?.close()
    this.#links.set(agent_id, link)
    link.onClosed = () => this.#lose(link)
    const owner = this.#known.get(agent_id)?.owner ?? identity.username
    const agent: Agent = {
      sid: link.sid,
      agent_id,
      connected_at: link.connected_at,
      status: 'connected',
      hostname: hello.info.hostname,
      labels: hello.labels,
      last_seen_at: link.connected_at,
      agent_info: hello.info,
    }
    try {
      this.#known.set(agent_id, { agent, owner })
      this.#save({ agent, owner })
      await this.onLinked(link, hello)
    } catch (error) {
      // A link that never came to serve must not hold the id against those who dial again.
      link.close()
      throw error
    }
    this.#log.info({ agent_id, sid: link.sid, instance_id: hello.instance_id }, 'agent connected')
    this.#tell({ type: 'agent_connected', agent, timestamp: new Date().toISOString() })
    return link
  }

  /** Takes what an agent says anew of itself. */
  update(link: AgentLink, info: AgentInfo): void {
    const known = this.#known.get(link.agent_id)
    if (!known || this.#links.get(link.agent_id) !== link) return
    const agent: Agent = { ...known.agent, hostname: info.hostname, agent_info: info }
    this.#known.set(link.agent_id, { ...known, agent })
    this.#save({ ...known, agent })
  }

  /** How many are known and connected, and what their links and they themselves hold, all together. */
  standing() {
    const sum = { known: this.#known.size, connected: this.#links.size, orders: 0 }
    const load = { running: 0, queued: 0, outbox_bytes: 0 }
    for (const link of this.#links.values()) {
      sum.orders += link.queued
      load.running += link.load.running
      load.queued += link.load.queued
      load.outbox_bytes += link.load.outbox_bytes
    }
    return { ...sum, load }
  }

  /** A snapshot, then every change from then on. */
  async *events(signal: AbortSignal): AsyncGenerator<AgentEvent, void> {
    let queue: AgentEvent[] = [this.#snapshot()]
    let wake: (() => void) | undefined
    const watcher = (event: AgentEvent) => {
      // A watcher that reads too slowly misses the steps, not the outcome.
      queue = queue.length < WATCH_BACKLOG ? [...queue, event] : [this.#snapshot()]
      wake?.()
    }
    this.#watchers.add(watcher)
    const onAbort = () => wake?.()
    signal.addEventListener('abort', onAbort)
    try {
      while (!signal.aborted) {
        const event = queue.shift()
        if (event) {
          yield event
          continue
        }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
    } finally {
      this.#watchers.delete(watcher)
      signal.removeEventListener('abort', onAbort)
    }
  }

  /** Closes every link; the agents go on by themselves and connect elsewhere, or here again. */
  close(): void {
    for (const link of [...this.#links.values()]) link.close()
  }

  #mayTake(agent_id: string, hello: Hello, identity: Identity): void {
    const known = this.#known.get(agent_id)
    if (known && known.owner !== identity.username && identity.role !== 'admin') {
      throw new OgentError('FORBIDDEN', `Agent ${agent_id} was registered by another account.`)
    }
    const held = this.#links.get(agent_id)
    if (held && held.instance_id !== hello.instance_id) {
      throw new OgentError(
        'AGENT_ID_TAKEN',
        `Agent ${agent_id} is connected already, by another instance. Give each agent its own AGENT_ID.`,
      )
    }
  }

  #lose(link: AgentLink): void {
    const { agent_id } = link
    // A link that was replaced takes nothing with it.
    if (this.#links.get(agent_id) !== link) return
    this.#links.delete(agent_id)
    this.#log.info({ agent_id, sid: link.sid }, 'agent disconnected')
    const known = this.#known.get(agent_id)
    if (known) {
      const timestamp = new Date().toISOString()
      const agent: Agent = { ...known.agent, sid: null, status: 'disconnected', last_seen_at: timestamp }
      this.#known.set(agent_id, { ...known, agent })
      this.#save({ ...known, agent })
      this.#tell({ type: 'agent_disconnected', agent, timestamp })
    }
    this.onLost(link)
  }

  /** In the background: a disk that is full must not keep an agent from its commands. */
  #save(known: KnownAgent): void {
    this.#store.put(known).catch((error) => {
      this.#log.warn({ agent_id: known.agent.agent_id, err: error }, 'an agent could not be remembered')
    })
  }

  #snapshot(): AgentEvent {
    return { type: 'snapshot', agents: this.list(), timestamp: new Date().toISOString() }
  }

  #tell(event: AgentEvent): void {
    for (const watcher of this.#watchers) watcher(event)
  }
}
