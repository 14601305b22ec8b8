import { Periodic } from '../../shared/async/periodic.js'
import type { Log } from '../telemetry/ports.js'
import type { Agents } from './registry.js'

const DAY_MS = 24 * 3600 * 1000
/** How often agents are looked over, in ms: often enough for the shortest setting to mean something. */
const EVERY_MS = 60 * 60 * 1000

/** Forgets agents that have not been connected for some days, such as containers that had a new id at each start. */
export function startAgentRetention(agents: Agents, days: number, log: Log): Periodic {
  const keepMs = days * DAY_MS
  return new Periodic({
    everyMs: Math.min(EVERY_MS, Math.max(keepMs / 2, 500)),
    atOnce: true,
    async act() {
      for (const agent_id of agents.unseenSince(Date.now() - keepMs)) {
        await agents.forget(agent_id).catch((error) => {
          // It may be back, or another controller was faster.
          log.debug({ agent_id, err: error }, 'an agent was not forgotten')
        })
      }
    },
    onError: (error) => log.error({ err: error }, 'agents that are long offline could not be forgotten'),
  })
}
