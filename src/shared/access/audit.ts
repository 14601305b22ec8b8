import * as z from 'zod'
import { timeSchema } from '../commands/record.js'
import { type Principal, principalSchema } from './principal.js'

/** The audit: a chain of records in which each has the hash of the one before it, and checkpoints that sign its head. */

/** Bytes of the details of one record, as JSON. */
export const AUDIT_DETAILS_BYTES = 4096

const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/, 'takes a SHA-256 in hexadecimal')
const chainSchema = z.string().min(1).max(64)
const seqSchema = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER)

/** Whether it was done, refused, or tried in vain. */
export const auditVerdictSchema = z.enum(['allowed', 'denied', 'failed'])
/** Whether it was done, refused, or tried in vain: see `auditVerdictSchema`. */
export type AuditVerdict = z.infer<typeof auditVerdictSchema>

/** The schema of `AuditActor`. */
export const auditActorSchema = principalSchema.omit({ roles: true })
/** Who acted, as the token of the call proved it. */
export interface AuditActor extends Omit<Principal, 'roles'> {}

const recordFields = {
  /** The chain: one for each data folder, or for each start of a controller on Redis. */
  chain: chainSchema.describe(
    'The chain: one for each data folder, or for each start of a controller on Redis.',
  ),
  /** Its number in the chain, from 1 on without a hole. */
  seq: seqSchema.describe('Its number in the chain, from 1 on without a hole.'),
  /** The hash of the record before it; of the first, 64 zeros. */
  prev: sha256Schema.describe('The hash of the record before it; of the first, 64 zeros.'),
  /** SHA-256 over the canonical JSON (RFC 8785) of this record without this field, in hexadecimal. */
  hash: sha256Schema.describe(
    'SHA-256 over the canonical JSON (RFC 8785) of this record without this field, in hexadecimal.',
  ),
  /** When it was done, as an RFC 3339 time; never earlier than the record before it. */
  timestamp: z
    .string()
    .describe('When it was done, as an RFC 3339 time; never earlier than the record before it.'),
  /** Who did it; null where that is not known, and where the controller did it. */
  actor: auditActorSchema
    .nullable()
    .describe('Who did it; null where that is not known, and where the controller did it.'),
  /** What was done, such as `order`, `cancel`, `login` or `users.create`. */
  action: z
    .string()
    .max(128)
    .describe('What was done, such as `order`, `cancel`, `login` or `users.create`.'),
  /** To what, such as `agent:web-1` or `user:ann`. */
  object: z.string().max(512).describe('To what, such as `agent:web-1` or `user:ann`.'),
  /** Whether it was done, refused, or tried in vain. */
  verdict: auditVerdictSchema.describe('Whether it was done, refused, or tried in vain.'),
  /** Why it was refused or failed; empty where it was done. */
  reason: z.string().max(1024).describe('Why it was refused or failed; empty where it was done.'),
  /** The IP address of the caller; null where there was none. */
  ip: z.string().max(128).nullable().describe('The IP address of the caller; null where there was none.'),
  /** The command that it is about. */
  command_id: z.string().max(128).optional().describe('The command that it is about.'),
  /** The run that it is a part of. */
  run_id: z.string().max(128).optional().describe('The run that it is a part of.'),
  /** The hash of the approved plan. */
  plan_hash: z.string().max(128).optional().describe('The hash of the approved plan.'),
  /** What else matters, 4 KiB of JSON at most: hashes and names, never values of variables, passwords or output. */
  details: z
    .record(z.string(), z.unknown())
    .describe(
      'What else matters, 4 KiB of JSON at most: hashes and names, never values of variables, passwords or output.',
    ),
}
/** The schema of `AuditRecord`. */
export const auditRecordSchema = z.object(recordFields)
/** One deed in the audit. */
export interface AuditRecord extends z.infer<z.ZodObject<typeof recordFields>> {
  /** Who did it; null where that is not known, and where the controller did it. */
  actor: AuditActor | null
}

const checkpointFields = {
  /** The chain. */
  chain: chainSchema.describe('The chain.'),
  /** The number of the record that was its last one. */
  seq: seqSchema.describe('The number of the record that was its last one.'),
  /** The hash of that record. */
  hash: sha256Schema.describe('The hash of that record.'),
  /** Records that the chain had then; fewer than `seq` after old ones were removed. */
  count: seqSchema.describe('Records that the chain had then; fewer than `seq` after old ones were removed.'),
  /** When it was signed, as an RFC 3339 time. */
  timestamp: z.string().max(64).describe('When it was signed, as an RFC 3339 time.'),
  /** Names the key: the hash of its public part. */
  kid: z.string().min(1).max(64).describe('Names the key: the hash of its public part.'),
  /** Ed25519 over `ogent-audit-checkpoint-1`, a newline and the canonical JSON of the other fields, in base64url. */
  signature: z
    .string()
    .max(128)
    .describe(
      'Ed25519 over `ogent-audit-checkpoint-1`, a newline and the canonical JSON of the other fields, in base64url.',
    ),
}
/** The schema of `AuditCheckpoint`. */
export const auditCheckpointSchema = z.object(checkpointFields)
/** The head of a chain, signed by its controller: kept elsewhere, it shows what was cut off or made anew. */
export interface AuditCheckpoint extends z.infer<z.ZodObject<typeof checkpointFields>> {}

/** Checkpoints that a witness keeps, and that one page has at most. */
export const auditLimits = { witnessed: 32, checkpoints: 1000 } as const

const pageSize = (most: number, usual: number) =>
  z.coerce.number<string | number>().int().min(1).max(most).default(usual)

const queryFields = {
  /** Deeds of the account or agent of this name; of all. */
  actor: z.string().min(1).max(256).optional().describe('deeds of the account or agent of this name'),
  /** Deeds of this kind, such as `order`, or of all that begin with it where it ends with a dot, such as `users.`; any. */
  action: z
    .string()
    .min(1)
    .max(128)
    .optional()
    .describe('deeds of this kind, or of all that begin with it where it ends with a dot: `order`, `users.`'),
  /** Deeds that were done to this, such as `agent:web-1`; to any. */
  object: z
    .string()
    .min(1)
    .max(512)
    .optional()
    .describe('deeds that were done to this, such as `agent:web-1`'),
  /** Records of this time or later, as an RFC 3339 time; any. */
  since: timeSchema.optional().describe('records of this time or later'),
  /** Records before this time, as an RFC 3339 time; any. */
  until: timeSchema.optional().describe('records before this time'),
  /** Records in a page, 1 to 200; 50. */
  limit: pageSize(200, 50).describe('Records in a page, 1 to 200; 50.'),
  /** The `next_cursor` of the page before, for the page after it; the first page. */
  cursor: z.string().max(512).optional().describe('`next_cursor` of the page before'),
}
/** The schema of `AuditQuery`. */
export const auditQuerySchema = z.object(queryFields)
/** Which records a page of the audit has, the newest first. */
export interface AuditQuery extends z.output<z.ZodObject<typeof queryFields>> {}

/** Which records `audit.list` gives, the newest first: all that is left out means any. */
export interface AuditFilter extends Omit<z.input<z.ZodObject<typeof queryFields>>, 'limit'> {
  /** Records in a page, 1 to 200; 50. */
  limit?: number | undefined
}

/** The schema of `AuditPage`. */
export const auditPageSchema = z.object({
  records: z.array(auditRecordSchema).describe('The records, the newest first.'),
  next_cursor: z
    .string()
    .nullable()
    .describe(
      'The `cursor` of the next page; null on the last. A page that was long to find may have few records, or none.',
    ),
})
/** A page of the audit, the newest record first. */
export interface AuditPage {
  /** The records, the newest first. */
  records: AuditRecord[]
  /** The `cursor` of the next page; null on the last. A page that was long to find may have few records, or none. */
  next_cursor: string | null
}

/** The schema of `AuditCheckpoints`. */
export const auditCheckpointsSchema = z.object({
  checkpoints: z
    .array(auditCheckpointSchema)
    .describe('Checkpoints of all chains, the newest first, 1,000 at most.'),
})
/** The heads of the chains, as their controllers signed them. */
export interface AuditCheckpoints {
  /** Checkpoints of all chains, the newest first, 1,000 at most. */
  checkpoints: AuditCheckpoint[]
}

const witnessFields = {
  /** The agent. */
  agent_id: z.string().describe('The agent.'),
  /** What it has kept on its disk, 32 at most. */
  checkpoints: z.array(auditCheckpointSchema).describe('What it has kept on its disk, 32 at most.'),
}
/** The schema of `AuditWitness`. */
export const auditWitnessSchema = z.object(witnessFields)
/** What one agent has kept of the heads of chains. */
export interface AuditWitness extends z.infer<z.ZodObject<typeof witnessFields>> {
  /** What it has kept on its disk, 32 at most. */
  checkpoints: AuditCheckpoint[]
}
/** The schema of `AuditWitnesses`. */
export const auditWitnessesSchema = z.object({
  witnesses: z.array(auditWitnessSchema).describe('The connected agents that have answered in time.'),
})
/** What agents have kept of the heads of chains. */
export interface AuditWitnesses {
  /** The connected agents that have answered in time. */
  witnesses: AuditWitness[]
}

/** A line of an export, and of what sinks are given. A record of a later version may have more fields: its hash is over those, too. */
export const auditLineSchema = z.discriminatedUnion('type', [
  auditRecordSchema.loose().extend({ type: z.literal('record') }),
  auditCheckpointSchema.extend({ type: z.literal('checkpoint') }),
])
/** A line of an export: a record or a checkpoint. */
export type AuditLine = z.infer<typeof auditLineSchema>
