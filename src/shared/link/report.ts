import * as z from 'zod'
import { streamSchema } from '../commands/event.js'
import {
  commandStatusSchema,
  type ExitReport,
  executionTypeSchema,
  exitReportSchema,
} from '../commands/result.js'

/** An agent's chunk is at most this long, in bytes: each costs some time on its way, regardless of what it holds. */
export const MAX_CHUNK_BYTES = 128 * 1024

const numbered = {
  /** The command of which this is a report. */
  command_id: z.string().max(128),
  /** Its place among the reports of the command: 1, 2, 3… */
  n: z.number().int().min(1).describe('1, 2, 3… for each command: the place of this report'),
  /** When it was made, as an RFC 3339 time by the agent's clock. */
  timestamp: z.string().max(40),
}
/** What every report says. */
interface NumberedReport extends z.infer<z.ZodObject<typeof numbered>> {}

/**
 * A `Uint8Array`. By a name of its own, since declarations of inferred types would spell it `Uint8Array<ArrayBufferLike>`,
 * which TypeScript before 5.7 cannot read.
 */
export interface Bytes extends Uint8Array {}

/** Bytes of output; zod's `instanceof` would narrow them to one kind of buffer. */
const chunkSchema = z.custom<Bytes>(
  (data) => data instanceof Uint8Array && data.length <= MAX_CHUNK_BYTES,
  'takes bytes, 128 KiB at most',
)

/** Where a command runs, as an agent names it. */
const targetSchema = z.string().max(512)
/** Long enough for every risk of a refused command; what is stored of it is shorter. */
const reasonSchema = z.string().max(64 * 1024)
/** That it is one is seen when it is compared: a report that does not fit ends its own command, and no other. */
const sha256Schema = z.string().max(64)

const startedReportFields = {
  /** The command has started. */
  kind: z.literal('started'),
  /** Where it runs: on the agent's own machine, or on its SSH target. */
  execution_type: executionTypeSchema,
  /** The machine on which it runs, as the agent names it. */
  target: targetSchema,
  /** The id of its process; absent on an SSH target. */
  pid: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32)
    .optional(),
}
/** The schema of `StartedReport`. */
export const startedReportSchema = z.object({ ...numbered, ...startedReportFields })
/** The command has started. */
export interface StartedReport extends NumberedReport, z.infer<z.ZodObject<typeof startedReportFields>> {}

const waitingReportFields = {
  /** The command cannot start yet. */
  kind: z.literal('waiting'),
  /** What it waits for, as a sentence. */
  reason: z.string().max(1024),
}
/** The schema of `WaitingReport`. */
export const waitingReportSchema = z.object({ ...numbered, ...waitingReportFields })
/** The command cannot start yet; only for a controller whose `features` name it. */
export interface WaitingReport extends NumberedReport, z.infer<z.ZodObject<typeof waitingReportFields>> {}

const outputReportFields = {
  /** The process has written something. */
  kind: z.literal('output'),
  /** To which of its streams. */
  stream: streamSchema,
  /** Bytes of this stream before this chunk. */
  offset: z.number().int().min(0),
  /** What it wrote, 128 KiB at most. */
  data: chunkSchema,
}
/** The schema of `OutputReport`. */
export const outputReportSchema = z.object({ ...numbered, ...outputReportFields })
/** A chunk of output. */
export interface OutputReport extends NumberedReport, z.infer<z.ZodObject<typeof outputReportFields>> {}

const resultReportFields = {
  /** The command has ended. */
  kind: z.literal('result'),
  /** How it ended. */
  status: commandStatusSchema,
  /** The machine on which it ran, as the agent names it. */
  target: targetSchema,
  /** The signal that ended the process, such as `SIGKILL`; null without one. */
  signal: z.string().max(64).nullable(),
  /** Why it ended as it did, for people; null where the exit code says it. */
  reason: reasonSchema.nullable(),
  // 30 years in ms: a sum of such times is still a number.
  /** How long it ran, in milliseconds. */
  duration_ms: z.number().min(0).max(1e12),
  /** SHA-256 in hex of every byte that the process wrote to its stdout. */
  stdout_sha256: sha256Schema,
  /** SHA-256 in hex of every byte that the process wrote to its stderr. */
  stderr_sha256: sha256Schema,
}
/** The schema of `ResultReport`. */
export const resultReportSchema = exitReportSchema.extend({ ...numbered, ...resultReportFields })
/** How the command ended, and what was counted of its output. */
export interface ResultReport
  extends NumberedReport,
    Omit<ExitReport, keyof typeof resultReportFields>,
    z.infer<z.ZodObject<typeof resultReportFields>> {}

const lostReportFields = {
  /** It is not known how the command ended. */
  kind: z.literal('lost'),
  /** Why, as a sentence. */
  reason: reasonSchema,
}
/** The schema of `LostReport`. */
export const lostReportSchema = z.object({ ...numbered, ...lostReportFields })
/** The agent cannot tell how a command ended; the controller knows better than it what arrived of its output. */
export interface LostReport extends NumberedReport, z.infer<z.ZodObject<typeof lostReportFields>> {}

/** What an agent tells of a command. */
export const reportSchema = z.discriminatedUnion('kind', [
  lostReportSchema,
  startedReportSchema,
  waitingReportSchema,
  outputReportSchema,
  resultReportSchema,
])
/** What an agent tells of a command. */
export type Report = LostReport | StartedReport | WaitingReport | OutputReport | ResultReport
