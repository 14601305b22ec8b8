import * as z from 'zod'
import { commandAnalysisSchema } from '../analysis/analysis.js'
import type { RawCommandEvent } from './event.js'
import { executionTargetSchema, idSchema } from './request.js'
import { commandResultSchema, commandStatusSchema, executionTypeSchema, resultErrorSchema } from './result.js'

export const recordStatusSchema = z.enum(['pending', 'running', ...commandStatusSchema.options])
export type RecordStatus = z.infer<typeof recordStatusSchema>

/** One command in the history: its journal folded into a row, without the output. */
export const commandRecordSchema = z.object({
  command_id: z.string(),
  agent_id: z.string(),
  command: z.string(),
  status: recordStatusSchema,
  requested_by: z.string(),
  execution_target: executionTargetSchema,
  execution_type: executionTypeSchema.nullable(),
  target: z.string().nullable(),
  exit_code: z.number().int().nullable(),
  signal: z.string().nullable(),
  reason: z.string().nullable(),
  error: resultErrorSchema.optional().describe('as in the result; rows of a list leave its risks out'),
  created_at: z.string(),
  started_at: z.string().nullable(),
  ended_at: z.string().nullable(),
  duration_ms: z.number().nullable(),
  stdout_bytes: z.number().int(),
  stderr_bytes: z.number().int(),
  ai_processing: commandAnalysisSchema.optional().describe('of a command that was analysed before it ran'),
})
export type CommandRecord = z.infer<typeof commandRecordSchema>

/** One command with its result, null while it has not ended. */
export const commandDetailSchema = commandRecordSchema.extend({ result: commandResultSchema.nullable() })
export type CommandDetail = z.infer<typeof commandDetailSchema>

export const commandQuerySchema = z.object({
  agent_id: idSchema.optional(),
  status: recordStatusSchema.optional(),
  q: z.string().min(1).max(1024).optional().describe('text that the command holds, in any case'),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(512).optional().describe('`next_cursor` of the page before'),
})
export type CommandQuery = z.output<typeof commandQuerySchema>

/** Characters of a command's text that a row of a list has; the whole text is in the command itself. */
export const LISTED_TEXT = 1024

export const commandPageSchema = z.object({
  commands: z
    .array(commandRecordSchema)
    .describe(
      `Of a \`command\` longer than ${LISTED_TEXT} characters, its beginning and \`…\`, and \`ai_processing\` is left out.`,
    ),
  next_cursor: z.string().nullable(),
})
export type CommandPage = z.infer<typeof commandPageSchema>

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/**
 * The record as a row of a list has it: the texts of many commands would be too much at once. The shortened text is a
 * copy: what `slice` gives would keep the whole text in memory for as long as the row lives.
 */
export function listedRecord({ ai_processing, ...whole }: CommandRecord): CommandRecord {
  const record = whole.error ? { ...whole, error: { code: whole.error.code } } : whole
  if (record.command.length > LISTED_TEXT) {
    const beginning = encoder.encode(record.command.slice(0, LISTED_TEXT).replace(/[\ud800-\udbff]$/, ''))
    return { ...record, command: `${decoder.decode(beginning)}…` }
  }
  return ai_processing === undefined ? record : { ...record, ai_processing }
}

export function isEnded(status: RecordStatus): boolean {
  return status !== 'pending' && status !== 'running'
}

/** Whether a command ended before this time (RFC 3339); an end at no time that can be read is one of long ago. */
export function isEndedBefore({ status, ended_at }: CommandRecord, time: string): boolean {
  if (!isEnded(status) || ended_at === null) return false
  const ms = Date.parse(ended_at)
  return Number.isNaN(ms) || ms < Date.parse(time)
}

/** The record after an event: history is the journal, folded. */
export function foldEvent(record: CommandRecord, event: RawCommandEvent): CommandRecord {
  if (event.type === 'command_progress' && event.state === 'started') {
    const { execution_type, target, timestamp: started_at } = event
    // A report that was long on its way may come after the command was given up: that holds until its agent is back.
    const status = isEnded(record.status) ? record.status : 'running'
    return { ...record, status, started_at, execution_type, target }
  }
  if (event.type === 'command_progress' && event.state === 'agent_back' && isEnded(record.status)) {
    const { error: _error, ...rest } = record
    return { ...rest, status: record.started_at ? 'running' : 'pending', ended_at: null, reason: null }
  }
  if (event.type === 'command_result') {
    const { result } = event
    const { error: _error, ...before } = record
    return {
      ...before,
      status: event.status,
      ended_at: event.timestamp,
      execution_type: result.execution_type,
      target: result.target,
      exit_code: result.exit_code,
      signal: result.signal,
      reason: result.reason,
      ...(result.error ? { error: result.error } : {}),
      duration_ms: result.duration_ms,
      stdout_bytes: result.stdout_bytes,
      stderr_bytes: result.stderr_bytes,
    }
  }
  return record
}
