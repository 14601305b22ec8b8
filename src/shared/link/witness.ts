import * as z from 'zod'
import { type AuditCheckpoint, auditCheckpointSchema, auditLimits } from '../access/audit.js'

/** How agents are asked, as witnesses of the audit. */

const askCheckpointsFields = {
  /** Asks an agent with the feature `witness` which checkpoints of the audit it has kept. */
  type: z.literal('checkpoints_event'),
  /** Names the question; the answer names it again. */
  ask: z.string().max(64),
}
/** The schema of `AskCheckpoints`. */
export const askCheckpointsSchema = z.object(askCheckpointsFields)
/** Asks an agent with the feature `witness` which checkpoints of the audit it has kept; answered in `witnessed`. */
export interface AskCheckpoints extends z.infer<z.ZodObject<typeof askCheckpointsFields>> {}

const witnessAnswerFields = {
  /** The question. */
  ask: z.string().max(64),
  /** The checkpoints, the oldest first. */
  checkpoints: z.array(auditCheckpointSchema).max(auditLimits.witnessed),
}
/** The schema of `WitnessAnswer`. */
export const witnessAnswerSchema = z.object(witnessAnswerFields)
/** Which checkpoints of the audit an agent has kept. */
export interface WitnessAnswer extends z.infer<z.ZodObject<typeof witnessAnswerFields>> {
  /** The checkpoints, the oldest first. */
  checkpoints: AuditCheckpoint[]
}
