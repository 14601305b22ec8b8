import * as z from 'zod'
import { UsageError } from '../errors/report.js'

const AGO = /^(\d{1,6})(s|m|h|d|w)$/
const unitSeconds: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }

const dateSchema = z.iso.date()
const timeSchema = z.iso.datetime({ offset: true, local: true })

/**
 * A time as people write it, as RFC 3339 has it: `2h` is two hours ago, `2026-11-30` the beginning of that day here. Throws
 * UsageError.
 */
export function pointInTime(option: string, text: string, now = Date.now()): string {
  const [, count, unit = ''] = AGO.exec(text) ?? []
  if (count !== undefined) {
    const ms = Number(count) * (unitSeconds[unit] ?? 0) * 1000
    // No command is older than 1970, and a year before 0 has no such form.
    return new Date(Math.max(now - ms, 0)).toISOString()
  }
  // A date alone would be read as one of UTC.
  if (dateSchema.safeParse(text).success) return new Date(`${text}T00:00:00`).toISOString()
  if (timeSchema.safeParse(text).success) return new Date(text).toISOString()
  throw new UsageError(
    `${option} takes how long ago (90s, 30m, 2h, 3d, 1w), a day (2026-11-30) or a time (2026-11-30T12:00:00Z), got ${text}`,
  )
}
