import { Periodic } from '../../shared/async/periodic.js'
import type { Events } from '../events.js'
import type { Journal } from '../journal/journal.js'
import type { Log } from '../telemetry/ports.js'

const HOUR_MS = 3600 * 1000
/** How often old commands are looked for, in ms: often enough for the shortest retention to mean something. */
const EVERY_MS = 10 * 60 * 1000

/** Forgets commands some hours after their end, until it is closed. */
export function startRetention(journal: Journal, hours: number, log: Log, events: Events): Periodic {
  const keepMs = hours * HOUR_MS
  return new Periodic({
    everyMs: Math.min(EVERY_MS, Math.max(keepMs / 2, 1000)),
    atOnce: true,
    async act() {
      const ended_before = new Date(Date.now() - keepMs).toISOString()
      const count = await journal.prune(ended_before)
      if (count === 0) return
      log.info({ count }, 'forgot commands past their retention')
      events.publish({
        type: 'audited',
        actor: undefined,
        action: 'retention',
        object: 'commands',
        verdict: 'allowed',
        reason: '',
        details: { count, ended_before },
      })
    },
    onError: (error) => log.error({ err: error }, 'old commands could not be forgotten'),
  })
}
