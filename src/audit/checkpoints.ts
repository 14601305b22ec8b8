import type { AuditCheckpoint } from '../shared/access/audit.js'
import { canonicalJson } from '../shared/canonical-json.js'
import type { AuditKey } from './keys.js'
import { isSignedBy } from './keys.js'

/** What is signed begins with what it is for: a signature for one purpose is none for another. */
const CHECKPOINT = 'ogent-audit-checkpoint-1\n'
const PRUNED = 'ogent-audit-pruned-1\n'

/** Signs the head of a chain. */
export function signCheckpoint(
  key: AuditKey,
  head: Omit<AuditCheckpoint, 'kid' | 'signature'>,
): AuditCheckpoint {
  const signed = { ...head, kid: key.kid }
  return { ...signed, signature: key.sign(CHECKPOINT + canonicalJson(signed)) }
}

export function isCheckpointBy(public_key: string, { signature, ...signed }: AuditCheckpoint): boolean {
  return isSignedBy(public_key, CHECKPOINT + canonicalJson(signed), signature)
}

/** That the records of a chain up to `through_seq` were removed on purpose; `hash` is that of the last of them. */
export type Pruned = { chain: string; through_seq: number; hash: string }

/** The details of the record that says so. */
export function prunedDetails(key: AuditKey, { chain, through_seq, hash }: Pruned): Record<string, unknown> {
  const { kid, public_key } = key
  const pruned: Pruned = { chain, through_seq, hash }
  return { ...pruned, kid, public_key, signature: key.sign(PRUNED + canonicalJson(pruned)) }
}

export function isPrunedBy(public_key: string, pruned: Pruned, signature: string): boolean {
  return isSignedBy(public_key, PRUNED + canonicalJson(pruned), signature)
}
