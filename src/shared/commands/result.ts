import * as z from 'zod'

export const executionTypeSchema = z.enum(['local', 'ssh'])
export type ExecutionType = z.infer<typeof executionTypeSchema>

/** How a command ended. `success` is exit code 0 and nothing else. */
export const commandStatusSchema = z.enum(['success', 'error', 'timeout', 'cancelled', 'lost', 'refused'])
export type CommandStatus = z.infer<typeof commandStatusSchema>

const bytes = z.number().int().min(0)

/** Sentences of risks that a result may name, and characters of each. */
export const MAX_RISKS = 32
export const MAX_RISK_LENGTH = 512

/** What ended a command, or kept it from running, where it was not its process: for programs, as `reason` is for people. */
export const resultErrorSchema = z.object({
  code: z.string().max(64).describe('of the closed table of errors, such as AGENT_BUSY or COMMAND_REFUSED'),
  risks: z
    .array(z.string().max(MAX_RISK_LENGTH))
    .max(MAX_RISKS)
    .optional()
    .describe('of a command that was refused: a sentence each'),
})
export type ResultError = z.infer<typeof resultErrorSchema>

/** What the agent saw of a process: all of a result but the output itself. */
export const exitReportSchema = z.object({
  execution_type: executionTypeSchema,
  target: z.string(),
  exit_code: z.number().int().nullable().describe('null only when no exit was seen'),
  signal: z.string().nullable().describe('the signal that ended the process, such as SIGKILL'),
  reason: z
    .string()
    .nullable()
    .describe('why it ended as it did, for people, when the exit code does not say'),
  error: resultErrorSchema.optional().describe('where something other than the process ended it'),
  duration_ms: z.number().min(0),
  stdout_bytes: bytes,
  stderr_bytes: bytes,
  stdout_sha256: z.string().describe('hex, of every byte that the process wrote'),
  stderr_sha256: z.string().describe('hex, of every byte that the process wrote'),
})
export type ExitReport = z.infer<typeof exitReportSchema>

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

export const commandResultSchema = exitReportSchema.extend({
  command: z.string(),
  stdout: z.string().describe('in the encoding asked for; head and tail where truncated'),
  stderr: z.string().describe('in the encoding asked for; head and tail where truncated'),
  timestamp: z.string(),
  stdout_truncated: z.boolean(),
  stderr_truncated: z.boolean(),
})
export type CommandResult = z.infer<typeof commandResultSchema>
