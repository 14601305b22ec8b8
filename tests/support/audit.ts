import { signCheckpoint } from '../../src/audit/checkpoints.js'
import { type AuditKey, auditKeyOf, newKeyText } from '../../src/audit/keys.js'
import { NO_HASH, sealed } from '../../src/audit/records.js'
import { type Anchor, AuditVerification, type Verdict } from '../../src/audit/verification.js'
import type { AuditCheckpoint, AuditRecord } from '../../src/shared/access/audit.js'

/** A chain of so many records, of which the first tells the key, with a checkpoint at each of these. */
export function chainOf(
  count: number,
  {
    at = [count],
    key = auditKeyOf(newKeyText()),
    chain = 'c1',
  }: { at?: number[]; key?: AuditKey; chain?: string } = {},
): { key: AuditKey; records: AuditRecord[]; checkpoints: AuditCheckpoint[] } {
  const records: AuditRecord[] = []
  for (let seq = 1; seq <= count; seq++) {
    const details =
      seq === 1 ? { kid: key.kid, public_key: key.public_key } : { command_sha256: `hash ${seq}` }
    records.push(
      sealed({
        chain,
        seq,
        prev: records.at(-1)?.hash ?? NO_HASH,
        timestamp: new Date(1_800_000_000_000 + seq).toISOString(),
        actor: null,
        action: seq === 1 ? 'audit.start' : 'order',
        object: 'agent:a1',
        verdict: 'allowed',
        reason: '',
        ip: null,
        details,
      }),
    )
  }
  const checkpoints = at.map((seq) => checkpointAt(records, seq, key))
  return { key, records, checkpoints }
}

export function checkpointAt(records: AuditRecord[], seq: number, key: AuditKey): AuditCheckpoint {
  const record = records.find((one) => one.seq === seq)
  if (!record) throw new Error(`There is no record ${seq}.`)
  const { chain, hash, timestamp } = record
  return signCheckpoint(key, { chain, seq, hash, count: seq, timestamp })
}

/** The records anew from `from` on, each with the hash of the one before it. */
export function chainedAnew(
  records: AuditRecord[],
  change: (record: AuditRecord) => AuditRecord,
): AuditRecord[] {
  const made: AuditRecord[] = []
  for (const record of records) {
    const { hash: _hash, ...fields } = change(record)
    made.push(sealed({ ...fields, prev: made.at(-1)?.hash ?? NO_HASH }))
  }
  return made
}

export function verify(
  records: AuditRecord[],
  checkpoints: AuditCheckpoint[],
  anchors: Anchor[] = [],
): Verdict {
  const verification = new AuditVerification()
  for (const record of records) verification.read(JSON.stringify({ type: 'record', ...record }))
  for (const checkpoint of checkpoints)
    verification.read(JSON.stringify({ type: 'checkpoint', ...checkpoint }))
  return verification.verdict(anchors)
}
