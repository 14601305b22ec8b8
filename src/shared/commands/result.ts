import * as z from 'zod'

/** Where a command runs. */
export const executionTypeSchema = z.enum(['local', 'ssh'])
/** Where a command runs or ran: on the agent's own machine, or on its SSH target. */
export type ExecutionType = z.infer<typeof executionTypeSchema>

/** How a command ended. `success` is exit code 0 and nothing else. */
export const commandStatusSchema = z.enum(['success', 'error', 'timeout', 'cancelled', 'lost', 'refused'])
/** How a command ended: see `commandStatusSchema`. */
export type CommandStatus = z.infer<typeof commandStatusSchema>

const bytes = z.number().int().min(0)

/** Risks that a result may name at most. */
export const MAX_RISKS = 32
/** Characters of a risk at most. */
export const MAX_RISK_LENGTH = 512

const resultErrorFields = {
  /** A code of the closed table of errors, such as `AGENT_BUSY` or `COMMAND_REFUSED`. */
  code: z.string().max(64).describe('of the closed table of errors, such as AGENT_BUSY or COMMAND_REFUSED'),
  /** The risks of a command that was refused, a sentence each: 32 of 512 characters at most. */
  risks: z
    .array(z.string().max(MAX_RISK_LENGTH))
    .max(MAX_RISKS)
    .optional()
    .describe('of a command that was refused: a sentence each'),
}
/** The schema of `ResultError`. */
export const resultErrorSchema = z.object(resultErrorFields)
/** What ended a command, or kept it from running, where it was not its process: for programs, as `reason` is for people. */
export interface ResultError extends z.infer<z.ZodObject<typeof resultErrorFields>> {}

const exitReportFields = {
  /** Where it ran: on the agent's own machine, or on its SSH target. */
  execution_type: executionTypeSchema.describe(
    "Where it ran: on the agent's own machine, or on its SSH target.",
  ),
  /** The machine on which it ran, as the agent names it. */
  target: z.string().describe('The machine on which it ran, as the agent names it.'),
  /** The exit code of the process; null where none was seen, as after a signal. */
  exit_code: z.number().int().nullable().describe('null only when no exit was seen'),
  /** The signal that ended the process, such as `SIGKILL`; null without one. */
  signal: z.string().nullable().describe('the signal that ended the process, such as SIGKILL'),
  /** Why it ended as it did, for people; null where the exit code says it. */
  reason: z
    .string()
    .nullable()
    .describe('why it ended as it did, for people, when the exit code does not say'),
  /** What ended it, where that was not the process itself. */
  error: resultErrorSchema.optional().describe('where something other than the process ended it'),
  /** How long it ran, in milliseconds. */
  duration_ms: z.number().min(0).describe('How long it ran, in milliseconds.'),
  /** Bytes that the process wrote to its stdout, all of them. */
  stdout_bytes: bytes.describe('Bytes that the process wrote to its stdout, all of them.'),
  /** Bytes that the process wrote to its stderr, all of them. */
  stderr_bytes: bytes.describe('Bytes that the process wrote to its stderr, all of them.'),
  /** SHA-256 in hex of every byte that the process wrote to its stdout. */
  stdout_sha256: z.string().describe('hex, of every byte that the process wrote'),
  /** SHA-256 in hex of every byte that the process wrote to its stderr. */
  stderr_sha256: z.string().describe('hex, of every byte that the process wrote'),
}
/** The schema of `ExitReport`. */
export const exitReportSchema = z.object(exitReportFields)
/** What the agent saw of a process: all of a result but the output itself. */
export interface ExitReport extends z.infer<z.ZodObject<typeof exitReportFields>> {
  /** What ended it, where that was not the process itself. */
  error?: ResultError | undefined
}

/** Why a status cannot go with how the process ended; undefined where it can. */
export function exitMisfit({
  status,
  exit_code,
  signal,
}: Pick<ExitReport, 'exit_code' | 'signal'> & { status: CommandStatus }): string | undefined {
  if (exit_code !== null && signal !== null) return `exit code ${exit_code} and ${signal} exclude each other`
  const end = signal ?? (exit_code === null ? 'no exit code' : `exit code ${exit_code}`)
  const fits = {
    success: exit_code === 0,
    error: exit_code !== 0,
    // A process that is asked to end may do so with any exit code.
    timeout: true,
    cancelled: true,
    lost: true,
    refused: exit_code === null && signal === null,
  }[status]
  return fits ? undefined : `the status ${status} does not go with ${end}`
}

const resultFields = {
  /** The command's text. */
  command: z.string().describe("The command's text."),
  /** What it wrote to its stdout, in the encoding of the request: beginning and end, where it was truncated. */
  stdout: z.string().describe('in the encoding asked for; head and tail where truncated'),
  /** What it wrote to its stderr, in the encoding of the request: beginning and end, where it was truncated. */
  stderr: z.string().describe('in the encoding asked for; head and tail where truncated'),
  /** When it ended, as an RFC 3339 time. */
  timestamp: z.string().describe('When it ended, as an RFC 3339 time.'),
  /** Whether `stdout` leaves out its middle, being longer than a result may be. */
  stdout_truncated: z
    .boolean()
    .describe('Whether `stdout` leaves out its middle, being longer than a result may be.'),
  /** Whether `stderr` leaves out its middle, being longer than a result may be. */
  stderr_truncated: z
    .boolean()
    .describe('Whether `stderr` leaves out its middle, being longer than a result may be.'),
}
/** The schema of `CommandResult`. */
export const commandResultSchema = exitReportSchema.extend(resultFields)
/** What a command came to. */
export interface CommandResult extends ExitReport, z.infer<z.ZodObject<typeof resultFields>> {}
