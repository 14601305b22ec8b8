import type { Agent, AgentEvent, AgentInfo } from '../../shared/agents/agent.js'
import { resolvesWithin } from '../../shared/async/timeout.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { Hello } from '../../shared/link/protocol.js'
import type { AgentChange, Events } from '../events.js'
import type { Log } from '../telemetry/ports.js'
import type { Actor } from '../transport/caller.js'
import { checkClaim, ownerOf } from './claim.js'
import { connectedAgent } from './connected-agent.js'
import { AgentLink } from './connection.js'
import type { AgentDirectory } from './directory.js'
import { type EnrolledAgents, noEnrolment } from './enrolment/facts.js'
import { reviewEnrolled } from './enrolment/review.js'
import { KnownAgents } from './known-agents.js'
import { toOffline } from './offline.js'
import type { KnownAgent } from './store.js'
import { AgentWatch } from './watch.js'

/** How long a controller that stops waits for its links to be given back, in ms. */
const LEAVE_MS = 2000
export type AgentsOptions = {
  directory: AgentDirectory
  log: Log
  events: Events
  /** Agents that one account may have, connected or not. */
  maxPerUser: number
  /** How long an agent that is offline keeps its id for its machine. */
  graceMs: number
  /** What is known of agents beyond their own word; nothing. */
  enrolled?: EnrolledAgents
}

/**
 * The agents: which are known, which are connected, and by which link. The directory gives links by one rule for all
 * controllers; what is known here of agents at other controllers is a copy.
 */
export class Agents {
  readonly #directory: AgentDirectory
  readonly #log: Log
  readonly #events: Events
  readonly #graceMs: number
  readonly #enrolled: EnrolledAgents
  readonly #known: KnownAgents
  readonly #watch: AgentWatch
  readonly #links = new Map<string, AgentLink>()
  readonly #leaving = new Set<Promise<void>>()
  /** Links of which the directory is being asked whether they still have their agent. */
  readonly #confirming = new WeakSet<AgentLink>()
  readonly #unsubscribe: (() => void)[] = []

  constructor({ directory, log, events, maxPerUser, graceMs, enrolled = noEnrolment }: AgentsOptions) {
    this.#graceMs = graceMs
    this.#enrolled = enrolled
    this.#directory = directory
    this.#log = log
    this.#known = new KnownAgents(maxPerUser, undefined, (agent_id) => enrolled.facts(agent_id))
    this.#events = events
    this.#watch = new AgentWatch(this.#known, events)
    this.#unsubscribe.push(
      enrolled.onChange((agent_id) => this.#review(agent_id)),
      events.on('agent_set_back', ({ agent_id }) => this.link(agent_id)?.close()),
      // Where agents can reach another controller, they are better served there.
      events.on('controller_cut_off', () => this.closeLinks()),
    )
  }

  /** Reads the known agents; all of them are offline until they say hello, unless another controller has their links. */
  async load(): Promise<void> {
    this.#heard(await this.#directory.all())
    const unlisten = this.#directory.onChange((changed, gone) => {
      this.#heard(changed)
      for (const agent_id of gone === 'others' ? this.#known.idsBut(changed) : gone) this.#drop(agent_id)
    })
    this.#unsubscribe.push(unlisten)
  }

  /** The agents that are known, to be looked for by what is said of them. */
  get known(): Pick<KnownAgents, 'get' | 'idsOf' | 'page'> {
    return this.#known
  }

  /** Throws AGENT_NOT_FOUND. */
  get(agent_id: string): Agent {
    const known = this.#known.get(agent_id)
    if (!known) throw new OgentError('AGENT_NOT_FOUND', `Agent with ID ${agent_id} not found`)
    return known.agent
  }

  /** As `get`, but of an agent that is new here, or offline, the directory is asked: another controller may have it. */
  async find(agent_id: string): Promise<Agent> {
    const known = this.#known.get(agent_id)
    if (known?.agent.status !== 'connected') this.#heard(await this.#directory.find([agent_id]))
    return this.get(agent_id)
  }

  /** As `find`, with what is not shown of an agent; undefined where there is none. */
  async findKnown(agent_id: string): Promise<KnownAgent | undefined> {
    this.#heard(await this.#directory.find([agent_id]))
    return this.#known.get(agent_id)
  }

  /** An agent's controller died with its link: says that the agent is offline. */
  linkDied(agent_id: string): void {
    const known = this.#withoutLink(agent_id)
    if (known) this.#directory.update(known)
  }

  /** The link of an agent at this controller. */
  link(agent_id: string): AgentLink | undefined {
    return this.#links.get(agent_id)
  }

  linkBySid(sid: string, agent_id: string | undefined): AgentLink | undefined {
    const link = agent_id === undefined ? undefined : this.#links.get(agent_id)
    return link?.sid === sid ? link : undefined
  }

  /**
   * Registers an agent on a new link. Throws what `EnrolledAgents.admit` throws, BAD_REQUEST when the two speak no protocol in common, AGENT_ID_TAKEN when another
   * instance holds the id, FORBIDDEN when another account registered it, AGENT_CLONED when another machine had it just
   * before, RATE_LIMITED when the account has too many agents. `hasOpenCommands`: whether an agent has any.
   */
  async connect(
    hello: Hello,
    identity: Actor,
    hasOpenCommands: (agent_id: string) => boolean,
  ): Promise<AgentLink> {
    await this.#enrolled.admit(hello, identity)
    const agent_id = hello.agent_id ?? `agent-${newId()}`
    const [known, held] = [this.#known.get(agent_id), this.#links.get(agent_id)]
    checkClaim({ agent_id, hello, identity, known, held, graceMs: this.#graceMs, hasOpenCommands })
    const release = this.#known.reserve(agent_id, ownerOf(identity))
    try {
      return await this.#open(agent_id, hello, identity)
    } finally {
      release()
    }
  }

  /**
   * Forgets an agent that is not connected: should it come back, it registers anew, for whichever account. Throws
   * AGENT_NOT_FOUND, and AGENT_ID_TAKEN while it is connected.
   */
  async forget(agent_id: string): Promise<void> {
    const { status } = await this.find(agent_id)
    if (status === 'connected' || !(await this.#directory.forget(agent_id))) {
      throw new OgentError('AGENT_ID_TAKEN', `Agent ${agent_id} is connected: stop it, then forget it.`)
    }
    this.#log.info({ agent_id }, 'agent forgotten')
    this.#drop(agent_id)
    await this.#enrolled.forgotten(agent_id)
  }

  /** Ids of agents that were seen last before that time, in ms since 1970, and are not connected. */
  unseenSince(time: number): string[] {
    return this.#known.idsOf(
      ({ status, last_seen_at }) => status === 'disconnected' && Date.parse(last_seen_at) < time,
    )
  }

  async #open(agent_id: string, hello: Hello, identity: Actor): Promise<AgentLink> {
    const link = new AgentLink(agent_id, hello.instance_id, (closed) => this.#lose(closed))
    const agent = connectedAgent(link, hello)
    link.features = agent.features
    link.identity_id = identity.kind === 'agent' ? identity.principal_id : undefined
    const first = this.#known.get(agent_id)?.owner ?? ownerOf(identity)
    const known = { agent, owner: first, machine: hello.machine }
    const owner = await this.#directory.take(known, hello.instance_id, identity)
    const before = this.#links.get(agent_id)
    this.#links.set(agent_id, link)
    const shown = this.#known.set({ ...known, owner })
    // The same instance is back on a new connection: the old one is dead, even if its close has not been seen yet.
    before?.close()
    // Not its instance_id: who names that takes the link over.
    this.#log.info({ agent_id, sid: link.sid }, 'agent connected')
    this.#tell('agent_connected', shown.agent)
    // It may have got a key, or lost it, since it was admitted.
    this.#review(agent_id)
    return link
  }

  /** Takes what an agent says anew of itself. */
  update(link: AgentLink, info: AgentInfo): void {
    const before = this.#known.reported(link.agent_id)
    if (!before || this.#links.get(link.agent_id) !== link) return
    const known = { ...before, agent: { ...before.agent, hostname: info.hostname, agent_info: info } }
    this.#known.set(known)
    this.#directory.update(known)
  }

  /** The links that are here. */
  get links(): Iterable<AgentLink> {
    return this.#links.values()
  }

  /** How many are known and connected, and what their links and they themselves hold, all together. */
  counts() {
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

  /** A snapshot, then every change from then on: see `AgentEvent`. */
  events(signal: AbortSignal, visible?: (agent: Agent) => boolean): AsyncGenerator<AgentEvent, void> {
    return this.#watch.events(signal, visible)
  }

  /** Closes every link; the agents go on by themselves and connect elsewhere, or here again. */
  closeLinks(): void {
    for (const link of [...this.#links.values()]) link.close()
  }

  async close(): Promise<void> {
    for (const end of this.#unsubscribe) end()
    this.closeLinks()
    await resolvesWithin(Promise.allSettled(this.#leaving), LEAVE_MS)
  }

  #lose(link: AgentLink): void {
    const { agent_id } = link
    // A link that was replaced takes nothing with it.
    if (this.#links.get(agent_id) !== link) return
    this.#links.delete(agent_id)
    this.#log.info({ agent_id, sid: link.sid }, 'agent disconnected')
    this.#giveBack(link)
  }

  /** In the background, and however long it takes: until then no controller says that the agent is offline. */
  #giveBack({ agent_id, sid }: AgentLink): void {
    const known = this.#withoutLink(agent_id)
    if (!known) return
    const leave = async () => {
      if (!(await this.#directory.leave(known, sid))) return
      if (this.#known.get(agent_id)?.agent.sid === sid) {
        const { agent } = this.#known.set(known)
        this.#tell('agent_disconnected', agent, agent.last_seen_at)
      }
      this.#events.publish({ type: 'link_lost', agent_id, sid })
    }
    const leaving = leave().catch((error) => {
      this.#log.debug({ agent_id, err: error }, 'a link was not given back')
    })
    this.#leaving.add(leaving)
    void leaving.then(() => this.#leaving.delete(leaving))
  }

  /** What the directory says of agents, whichever controller has their links. */
  #heard(changed: KnownAgent[]): void {
    for (const known of changed) {
      const link = this.#links.get(known.agent.agent_id)
      if (link && link.sid !== known.agent.sid) this.#confirm(link)
      else this.#learn(known)
    }
  }

  /**
   * The directory names another link than the one here. It may have been read before this link took the id, so it is read
   * once more: what is read from now on is at least as new as the link.
   */
  #confirm(link: AgentLink): void {
    const { agent_id } = link
    if (this.#confirming.has(link)) return
    this.#confirming.add(link)
    const read = async () => {
      const [known] = await this.#directory.find([agent_id])
      if (this.#links.get(agent_id) === link && known?.agent.sid !== link.sid) link.close()
      if (known) this.#learn(known)
    }
    read()
      .catch((error) => this.#log.debug({ agent_id, err: error }, 'the link of an agent was not confirmed'))
      .finally(() => this.#confirming.delete(link))
  }

  #learn(known: KnownAgent): void {
    const { agent_id, sid } = known.agent
    const before = this.#known.get(agent_id)?.agent.sid ?? null
    const shown = this.#known.set(known)
    if (sid !== null && this.#links.get(agent_id)?.sid !== sid)
      this.#events.publish({ type: 'agent_moved', agent_id })
    if (sid !== before) this.#tell(sid === null ? 'agent_disconnected' : 'agent_connected', shown.agent)
  }

  #review(agent_id: string): void {
    const parts = { known: this.#known, link: this.#links.get(agent_id), events: this.#events }
    reviewEnrolled(agent_id, this.#enrolled.facts(agent_id), parts)
  }

  #drop(agent_id: string): void {
    const agent = this.#known.get(agent_id)?.agent
    if (!agent || this.#links.has(agent_id)) return
    this.#known.delete(agent_id)
    this.#tell('agent_forgotten', agent)
  }

  #tell(type: AgentChange['type'], agent: Agent, timestamp = new Date().toISOString()): void {
    this.#events.publish({ type, agent, timestamp })
  }

  /** What is known of an agent, were its link to close now. */
  #withoutLink(agent_id: string): KnownAgent | undefined {
    const known = this.#known.reported(agent_id)
    return known && { ...known, agent: toOffline(known.agent) }
  }
}
