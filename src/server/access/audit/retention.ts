import { Periodic } from '../../../shared/async/periodic.js'
import type { Log } from '../../telemetry/ports.js'
import type { AuditLog } from './log.js'

const DAY_MS = 24 * 3600 * 1000
const HOUR_MS = 3600 * 1000

/** Removes records some days after they were made, until it is closed: once a day, or more often where they are kept shorter. */
export function startAuditRetention(audit: AuditLog, days: number, log: Log): Periodic {
  const keepMs = days * DAY_MS
  const stepMs = Math.min(DAY_MS, keepMs)
  return new Periodic({
    everyMs: Math.min(HOUR_MS, Math.max(keepMs / 2, 1000)),
    atOnce: true,
    async act() {
      // Whole steps: each removal leaves a record of its own.
      const before = Math.floor((Date.now() - keepMs) / stepMs) * stepMs
      const count = await audit.prune(new Date(before).toISOString())
      if (count > 0) log.info({ count }, 'removed records of the audit past their retention')
    },
    onError: (error) => log.error({ err: error }, 'old records of the audit could not be removed'),
  })
}
