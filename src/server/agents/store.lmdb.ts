import type { Database } from 'lmdb'
import type { LmdbFolder } from '../storage/folder.lmdb.js'
import type { AgentStore, KnownAgent } from './store.js'

/** The agents that ever registered, in the same environment as the journal. */
export class LmdbAgents implements AgentStore {
  readonly #folder: LmdbFolder
  readonly #agents: Database<KnownAgent, string>

  constructor(folder: LmdbFolder) {
    this.#folder = folder
    this.#agents = folder.root.openDB({ name: 'agents' })
  }

  async all(): Promise<KnownAgent[]> {
    return [...this.#agents.getRange()].map(({ value }) => value)
  }

  put(known: KnownAgent): Promise<void> {
    return this.#folder.write(() => [this.#agents.put(known.agent.agent_id, known)])
  }

  forget(agent_id: string): Promise<void> {
    return this.#folder.write(() => [this.#agents.remove(agent_id)])
  }
}
