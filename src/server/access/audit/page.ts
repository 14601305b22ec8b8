import type { AuditPage, AuditQuery, AuditRecord } from '../../../shared/access/audit.js'
import { OgentError } from '../../../shared/errors.js'
import type { AuditStore, Place } from './ports.js'

/** How long a search may take for one page, in ms; a page may end early, with a cursor to continue. */
const SCAN_MS = 1000

/** The newest records that a query asks for. Throws VALIDATION_FAILED for what is no cursor. */
export async function pageOf(store: AuditStore, query: AuditQuery): Promise<AuditPage> {
  const { since = '', until, cursor, limit } = query
  const start = startOf(cursor, until)
  const latest = performance.now() + SCAN_MS
  const records: AuditRecord[] = []
  for await (const record of store.newestFirst(start)) {
    if (record.timestamp < since) return { records, next_cursor: null }
    if (isAskedFor(record, query)) records.push(record)
    if (records.length >= limit || performance.now() > latest)
      return { records, next_cursor: cursorOf(record) }
  }
  return { records, next_cursor: null }
}

function isAskedFor({ actor, action, object }: AuditRecord, query: AuditQuery): boolean {
  if (query.actor !== undefined && actor?.name !== query.actor) return false
  if (query.object !== undefined && object !== query.object) return false
  if (query.action === undefined) return true
  return query.action.endsWith('.') ? action.startsWith(query.action) : action === query.action
}

function startOf(cursor: string | undefined, until: string | undefined): Place | undefined {
  const behind = cursor === undefined ? undefined : parseCursor(cursor)
  if (until === undefined) return behind
  // Every place of this time is behind this one.
  const first: Place = { time: until, chain: '', seq: 0 }
  return behind && behind.time < until ? behind : first
}

function cursorOf({ timestamp, chain, seq }: AuditRecord): string {
  return Buffer.from(JSON.stringify([timestamp, chain, seq])).toString('base64url')
}

function parseCursor(cursor: string): Place {
  try {
    const [time, chain, seq]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (
      typeof time === 'string' &&
      !Number.isNaN(Date.parse(time)) &&
      typeof chain === 'string' &&
      Number.isInteger(seq)
    ) {
      return { time, chain, seq: Number(seq) }
    }
  } catch {
    // As what can be parsed and is none.
  }
  const msg = 'is not one that was given out'
  throw new OgentError('VALIDATION_FAILED', `The cursor ${msg}.`, {
    issues: [{ loc: ['query', 'cursor'], msg, type: 'invalid_cursor' }],
  })
}
