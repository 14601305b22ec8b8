import { createHash } from 'node:crypto'
import type { AuditRecord } from '../shared/access/audit.js'
import { canonicalJson } from '../shared/canonical-json.js'

/** What comes before the first record of a chain. */
export const NO_HASH = '0'.repeat(64)

/** The record with its hash. */
export function sealed(record: Omit<AuditRecord, 'hash'>): AuditRecord {
  return { ...record, hash: digestOf(record) }
}

/** What the hash of a record has to be: over all of its fields but the hash itself, whichever they are. */
export function hashOf({ hash: _own, ...fields }: object & { hash?: unknown }): string {
  return digestOf(fields)
}

function digestOf(fields: object): string {
  return createHash('sha256').update(canonicalJson(fields)).digest('hex')
}
