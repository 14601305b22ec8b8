import type { Log } from '../telemetry/ports.js'
import type { AgentDirectory } from './directory.js'
import { toOffline } from './offline.js'
import type { AgentStore, KnownAgent } from './store.js'

/** The agents of a controller that has its store to itself: all links are its own. */
export class LocalDirectory implements AgentDirectory {
  readonly #store: AgentStore
  readonly #log: Log

  constructor(store: AgentStore, log: Log) {
    this.#store = store
    this.#log = log
  }

  async all(): Promise<KnownAgent[]> {
    const known = await this.#store.all()
    // One that was connected to a controller that was killed was there until just now.
    return known.map((one) =>
      one.agent.status === 'connected' ? { ...one, agent: toOffline(one.agent) } : one,
    )
  }

  async find(): Promise<KnownAgent[]> {
    return []
  }

  onChange(): () => void {
    return () => {}
  }

  async take(known: KnownAgent): Promise<string> {
    this.update(known)
    return known.owner
  }

  async leave(known: KnownAgent): Promise<boolean> {
    this.update(known)
    return true
  }

  update(known: KnownAgent): void {
    this.#store.put(known).catch((error) => {
      this.#log.warn({ agent_id: known.agent.agent_id, err: error }, 'an agent could not be remembered')
    })
  }

  async forget(agent_id: string): Promise<boolean> {
    await this.#store.forget(agent_id)
    return true
  }
}
