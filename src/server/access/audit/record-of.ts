import { NO_HASH, sealed } from '../../../audit/records.js'
import { AUDIT_DETAILS_BYTES, type AuditActor, type AuditRecord } from '../../../shared/access/audit.js'
import type { AuditFact } from '../../events.js'

/** Levels of objects inside the details; what is deeper is left out. */
const DEPTH = 5
/** What may be half of a surrogate pair; a class of code units is cheap to look for. */
const UNIT = /[\ud800-\udfff]/
/** Half of a surrogate pair, which no encoding of Unicode has bytes for. */
const HALF = /\p{Surrogate}/gu

/** The next record of a chain, of a fact; what is too long is cut, with a mark. */
export function recordOf(
  fact: AuditFact,
  chain: string,
  before: Pick<AuditRecord, 'seq' | 'hash' | 'timestamp'> | undefined,
): AuditRecord {
  const now = new Date().toISOString()
  return sealed({
    chain,
    seq: (before?.seq ?? 0) + 1,
    prev: before?.hash ?? NO_HASH,
    // A clock that is set back must not put records in another order than that of the chain.
    timestamp: before && before.timestamp > now ? before.timestamp : now,
    actor: fact.actor === undefined ? null : actorOf(fact.actor),
    action: text(fact.action, 128),
    object: text(fact.object, 512),
    verdict: fact.verdict,
    reason: text(fact.reason, 1024),
    ip: fact.ip === undefined ? null : text(fact.ip, 128),
    ...(fact.command_id === undefined ? {} : { command_id: text(fact.command_id, 128) }),
    ...(fact.run_id === undefined ? {} : { run_id: text(fact.run_id, 128) }),
    details: detailsOf(fact.details),
  })
}

/** The fields that the audit has of an actor, which may have more. */
function actorOf(actor: NonNullable<AuditFact['actor']>): AuditActor {
  const { principal_id, kind, name, via, session_id, on_behalf_of } = actor
  return {
    principal_id: text(principal_id, 256),
    kind,
    name: text(name, 256),
    via,
    session_id: text(session_id, 256),
    ...(on_behalf_of === undefined ? {} : { on_behalf_of: text(on_behalf_of, 256) }),
  }
}

function detailsOf(details: Record<string, unknown> | undefined): Record<string, unknown> {
  if (details === undefined) return {}
  const plain = plainObject(details, DEPTH)
  if (bytesOf(plain) <= AUDIT_DETAILS_BYTES) return plain
  const kept: Record<string, unknown> = { cut: true }
  let bytes = bytesOf(kept)
  for (const [name, value] of Object.entries(plain)) {
    const more = bytesOf({ [name]: value })
    if (bytes + more > AUDIT_DETAILS_BYTES) continue
    kept[name] = value
    bytes += more
  }
  return kept
}

/** The same as JSON has it, with texts that have bytes in any encoding: else it could not be hashed. */
function plainOf(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return text(value, AUDIT_DETAILS_BYTES)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isFinite(value))) return value
  if (typeof value !== 'object' || value === null || depth === 0) return null
  return Array.isArray(value) ? value.map((item) => plainOf(item, depth - 1)) : plainObject(value, depth - 1)
}

function plainObject(value: object, depth: number): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    if (member !== undefined) plain[text(name, 256)] = plainOf(member, depth)
  }
  return plain
}

function text(given: string, most: number): string {
  const whole = given.length > most ? `${given.slice(0, most - 1)}…` : given
  return UNIT.test(whole) ? whole.replaceAll(HALF, '\ufffd') : whole
}

function bytesOf(value: object): number {
  return Buffer.byteLength(JSON.stringify(value))
}
