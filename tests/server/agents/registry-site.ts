import { expect } from 'vitest'
import type { AgentLink } from '../../../src/server/agents/connection.js'
import { LocalDirectory } from '../../../src/server/agents/local-directory.js'
import { Agents } from '../../../src/server/agents/registry.js'
import { LmdbAgents } from '../../../src/server/agents/store.lmdb.js'
import type { Events } from '../../../src/server/events.js'
import { LmdbFolder } from '../../../src/server/storage/folder.lmdb.js'
import type { Hello } from '../../../src/shared/link/protocol.js'
import { agentIdentity, helloOf } from '../../support/command-parts.js'
import { strictEvents } from '../../support/events.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

/** What the registry publishes of agents, each as its type and the agent. */
export function heardOf(events: Events): string[] {
  const heard: string[] = []
  for (const type of ['agent_connected', 'agent_disconnected', 'agent_forgotten'] as const)
    events.on(type, ({ agent }) => heard.push(`${type} ${agent.agent_id}`))
  for (const type of ['link_lost', 'agent_moved'] as const)
    events.on(type, ({ agent_id }) => heard.push(`${type} ${agent_id}`))
  return heard
}

type Options = { maxPerUser?: number; graceMs?: number }

/** The registry of a controller that has its store to itself. */
export class Site {
  readonly events = strictEvents()
  readonly heard = heardOf(this.events)
  agents: Agents
  readonly #path = temporaryFolder()
  readonly #folder: LmdbFolder
  readonly #options: Options

  constructor(options: Options = {}) {
    this.#folder = new LmdbFolder(this.#path.path, silent)
    this.#options = options
    this.agents = this.#open(this.events)
  }

  connect(hello: Partial<Hello> = {}, identity = agentIdentity, hasOpenCommands = false): Promise<AgentLink> {
    return this.agents.connect(helloOf('a1', hello), identity, () => hasOpenCommands)
  }

  /** The controller is killed with its links open, and started anew. */
  async restart(): Promise<void> {
    await this.#folder.settled()
    this.agents = this.#open(strictEvents())
    await this.agents.load()
  }

  /** The link of the agent is lost: resolves when that has been published. */
  async lose(): Promise<void> {
    const lost = new Promise<void>((resolve) => this.events.on('link_lost', () => resolve()))
    this.agents.link('a1')?.close()
    await lost
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agents.close()
    await this.#folder.close()
    this.#path[Symbol.dispose]()
  }

  #open(events: Events): Agents {
    const directory = new LocalDirectory(new LmdbAgents(this.#folder), silent)
    return new Agents({ directory, log: silent, events, maxPerUser: 10, graceMs: 60_000, ...this.#options })
  }
}

/** Where an agent is, as one controller has it. */
export type State = 'unknown' | 'connected here' | 'connected elsewhere' | 'offline'

export function stateOf(agents: Agents, agent_id = 'a1'): State {
  const link = agents.link(agent_id)
  const agent = agents.known.get(agent_id)?.agent
  if (!agent || agent.status === 'disconnected') {
    expect([link, agent?.sid ?? null]).toEqual([undefined, null])
    return agent ? 'offline' : 'unknown'
  }
  if (!link) return 'connected elsewhere'
  expect(link.closed).toBe(false)
  expect(agent.sid).toBe(link.sid)
  return 'connected here'
}

export const steps = {
  connect: (site: Site) => site.connect(),
  'lose its link': (site: Site) => site.lose(),
  'be forgotten': (site: Site) => site.agents.forget('a1'),
  'see its controller killed': (site: Site) => site.restart(),
  'be set back': async (site: Site) => site.events.publish({ type: 'agent_set_back', agent_id: 'a1' }),
  'be cut off': async (site: Site) => site.events.publish({ type: 'controller_cut_off' }),
}
export type Step = keyof typeof steps

/** How an agent comes into each state. */
const ways: Record<Exclude<State, 'connected elsewhere'>, Step[]> = {
  unknown: [],
  'connected here': ['connect'],
  offline: ['connect', 'lose its link'],
}

export type Way = keyof typeof ways

export async function siteWith(state: Way, options?: Options): Promise<Site> {
  const site = new Site(options)
  for (const step of ways[state]) await steps[step](site)
  expect(stateOf(site.agents)).toBe(state)
  return site
}
