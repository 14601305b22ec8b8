import type { Log } from '../telemetry/ports.js'
import type { Agents } from './registry.js'

const DAY_MS = 24 * 3600 * 1000
/** How often agents are looked over, in ms: often enough for the shortest setting to mean something. */
const EVERY_MS = 60 * 60 * 1000

/** Forgets agents that have not been connected for some days, such as containers that had a new id at each start. */
export class AgentRetention {
  readonly #agents: Agents
  readonly #keepMs: number
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #busy = false

  constructor(agents: Agents, days: number, log: Log) {
    this.#agents = agents
    this.#keepMs = days * DAY_MS
    this.#log = log
    this.#timer = setInterval(() => void this.#run(), Math.min(EVERY_MS, Math.max(this.#keepMs / 2, 500)))
    this.#timer.unref()
    void this.#run()
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #run(): Promise<void> {
    if (this.#busy) return
    this.#busy = true
    try {
      for (const agent_id of this.#agents.unseenSince(Date.now() - this.#keepMs)) {
        await this.#agents.forget(agent_id).catch((error) => {
          // It may be back, or another controller was faster.
          this.#log.debug({ agent_id, err: error }, 'an agent was not forgotten')
        })
      }
    } finally {
      this.#busy = false
    }
  }
}
