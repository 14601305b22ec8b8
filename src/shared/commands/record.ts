import * as z from 'zod'
import { labelNameSchema } from '../agents/agent.js'
import { type CommandAnalysis, commandAnalysisSchema } from '../analysis/analysis.js'
import type { RawCommandEvent } from './event.js'
import { executionTargetSchema, idSchema } from './request.js'
import {
  type CommandResult,
  commandResultSchema,
  commandStatusSchema,
  executionTypeSchema,
  type ResultError,
  resultErrorSchema,
} from './result.js'

/** Whether a command waits or runs, or how it ended. */
export const recordStatusSchema = z.enum(['pending', 'running', ...commandStatusSchema.options])
/** Whether a command waits or runs, or how it ended: see `commandStatusSchema`. */
export type RecordStatus = z.infer<typeof recordStatusSchema>

const recordFields = {
  /** The id of the command. */
  command_id: z.string().describe('The id of the command.'),
  /** The agent to which it was sent. */
  agent_id: z.string().describe('The agent to which it was sent.'),
  /** Its text; in a list, the beginning of a long one. */
  command: z.string().describe('Its text; in a list, the beginning of a long one.'),
  /** Whether it waits or runs, or how it ended. */
  status: recordStatusSchema.describe('Whether it waits or runs, or how it ended.'),
  /** The name of the account that asked for it. */
  requested_by: z.string().describe('The name of the account that asked for it.'),
  /** The id of that account, which another account of its name does not have; absent of commands of before accounts had ids. */
  requester_id: z
    .string()
    .optional()
    .describe(
      'The id of that account, which another account of its name does not have; absent of commands of before accounts had ids.',
    ),
  /** Where it was to run. */
  execution_target: executionTargetSchema.describe('Where it was to run.'),
  /** Where it runs or ran: on the agent's own machine, or on its SSH target; null before it starts. */
  execution_type: executionTypeSchema
    .nullable()
    .describe(
      "Where it runs or ran: on the agent's own machine, or on its SSH target; null before it starts.",
    ),
  /** The machine on which it runs or ran, as the agent names it; null before it starts. */
  target: z
    .string()
    .nullable()
    .describe('The machine on which it runs or ran, as the agent names it; null before it starts.'),
  /** The exit code of the process; null before it ends, and where none was seen. */
  exit_code: z
    .number()
    .int()
    .nullable()
    .describe('The exit code of the process; null before it ends, and where none was seen.'),
  /** The signal that ended the process, such as `SIGKILL`; null without one. */
  signal: z
    .string()
    .nullable()
    .describe('The signal that ended the process, such as `SIGKILL`; null without one.'),
  /** Why it ended as it did, for people; null before it ends, and where the exit code says it. */
  reason: z
    .string()
    .nullable()
    .describe('Why it ended as it did, for people; null before it ends, and where the exit code says it.'),
  /** What ended it, where that was not the process itself; in a list, without the risks. */
  error: resultErrorSchema.optional().describe('as in the result; rows of a list leave its risks out'),
  /** When the controller accepted it, as an RFC 3339 time. */
  created_at: z.string().describe('When the controller accepted it, as an RFC 3339 time.'),
  /** When its process started, as an RFC 3339 time; null before that. */
  started_at: z
    .string()
    .nullable()
    .describe('When its process started, as an RFC 3339 time; null before that.'),
  /** When it ended, as an RFC 3339 time; null before that. */
  ended_at: z.string().nullable().describe('When it ended, as an RFC 3339 time; null before that.'),
  /** How long it ran, in milliseconds; null before it ends. */
  duration_ms: z.number().nullable().describe('How long it ran, in milliseconds; null before it ends.'),
  /** Bytes that it wrote to its stdout; 0 before it ends. */
  stdout_bytes: z.number().int().describe('Bytes that it wrote to its stdout; 0 before it ends.'),
  /** Bytes that it wrote to its stderr; 0 before it ends. */
  stderr_bytes: z.number().int().describe('Bytes that it wrote to its stderr; 0 before it ends.'),
  /** What was said of it before it ran, where that was asked for; left out of a list for a long command. */
  ai_processing: commandAnalysisSchema.optional().describe('of a command that was analysed before it ran'),
}
/** The schema of `CommandRecord`. */
export const commandRecordSchema = z.object(recordFields)
/** One command in the history: its journal folded into a row, without the output. */
export interface CommandRecord extends z.infer<z.ZodObject<typeof recordFields>> {
  /** What ended it, where that was not the process itself; in a list, without the risks. */
  error?: ResultError | undefined
  /** What was said of it before it ran, where that was asked for; left out of a list for a long command. */
  ai_processing?: CommandAnalysis | undefined
}

/** The schema of `CommandDetail`. */
export const commandDetailSchema = commandRecordSchema.extend({
  result: commandResultSchema.nullable().describe('What it came to; null while it has not ended.'),
})
/** One command with its result. */
export interface CommandDetail extends CommandRecord {
  /** What it came to; null while it has not ended. */
  result: CommandResult | null
}

/** A time as RFC 3339 has it, which may write its letters small; as all times are kept here, in UTC. */
export const timeSchema = z
  .string()
  .transform((text, { addIssue }) => {
    const utc = utcOf(text)
    if (utc !== undefined) return utc
    addIssue('takes an RFC 3339 time, such as 2026-11-30T12:00:00Z')
    return z.NEVER
  })
  .meta({ format: 'date-time' })

function utcOf(text: string): string | undefined {
  if (!z.iso.datetime({ offset: true }).safeParse(text.toUpperCase()).success) return undefined
  const utc = new Date(text.toUpperCase()).toISOString()
  // Its offset may lead out of the years of four digits, whose texts are in the order of their times.
  return /^\d/.test(utc) ? utc : undefined
}

const LABEL = 'takes name=value, with the name of a label'
/** A label of an agent, as `name=value`. */
const labelSchema = z
  .string()
  .max(512)
  .transform((text, { addIssue }) => {
    const [name = '', ...value] = text.split('=')
    if (value.length > 0 && labelNameSchema.safeParse(name).success) return { name, value: value.join('=') }
    addIssue(LABEL)
    return z.NEVER
  })

/** One status or several, of which a command has any. */
const statusesSchema = z.union(
  [recordStatusSchema.transform((status) => [status]), z.array(recordStatusSchema).min(1)],
  { error: `takes one or more of ${recordStatusSchema.options.join(', ')}` },
)
const exitCodeSchema = z.number().int().min(0).max(255)
const STATUS = 'commands that have any of these, also as one text with commas between'

const queryFields = {
  /** Commands of this agent; of all. */
  agent_id: idSchema.optional().describe('Commands of this agent.'),
  /** Commands that have this status, or any of these; any. */
  status: statusesSchema.optional().describe('Commands that have this status, or any of these.'),
  /** Commands made at this time or later, as an RFC 3339 time; any. */
  since: timeSchema.optional().describe('commands made at this time or later'),
  /** Commands made before this time, as an RFC 3339 time; any. */
  until: timeSchema.optional().describe('commands made before this time'),
  /** Commands that this account asked for; any. */
  requested_by: z.string().min(1).max(256).optional().describe('the name of an account'),
  /** Commands of agents that have this label now, as `name=value`; any. */
  label: labelSchema.optional().describe('commands of agents that have this label now, as name=value'),
  /** Commands that ended with this exit code, 0 to 255; any. */
  exit_code: exitCodeSchema.optional().describe('Commands that ended with this exit code, 0 to 255.'),
  /** Commands whose text has this in it, in upper or lower case, 1 to 1024 characters; any. */
  q: z.string().min(1).max(1024).optional().describe('text that the command holds, in any case'),
  /** Commands in a page, 1 to 200; 50. */
  limit: z.coerce
    .number<string | number>()
    .int()
    .min(1)
    .max(200)
    .default(50)
    .describe('Commands in a page, 1 to 200; 50.'),
  /** The `next_cursor` of the page before, for the page after it; the first page. */
  cursor: z.string().max(512).optional().describe('`next_cursor` of the page before'),
}
/** The schema of `CommandQuery`. */
export const commandQuerySchema = z.object(queryFields)
/** Which commands a page lists, the newest first. */
export interface CommandQuery extends z.output<z.ZodObject<typeof queryFields>> {}

/** The same as parameters of an address, which are texts. */
export const commandParametersSchema = commandQuerySchema.extend({
  status: z
    .preprocess((given) => (typeof given === 'string' ? given.split(',') : given), statusesSchema)
    .optional()
    .describe(STATUS),
  exit_code: z
    .preprocess(
      (given) => (typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given),
      exitCodeSchema,
    )
    .optional()
    .describe('commands that ended with this exit code'),
})

/** Which commands `commands.list` gives, the newest first: all that is left out means any. */
export interface CommandFilter extends Omit<z.input<z.ZodObject<typeof queryFields>>, 'limit'> {
  /** Commands in a page, 1 to 200; 50. */
  limit?: number | undefined
}

/** Characters of a command's text that a row of a list has; the whole text is in the command itself. */
export const LISTED_TEXT = 1024

/** The schema of `CommandPage`. */
export const commandPageSchema = z.object({
  commands: z
    .array(commandRecordSchema)
    .describe(
      `Of a \`command\` longer than ${LISTED_TEXT} characters, its beginning and \`…\`, and \`ai_processing\` is left out.`,
    ),
  next_cursor: z.string().nullable().describe('The `cursor` of the next page; null on the last.'),
})
/** A page of the history, the newest command first. */
export interface CommandPage {
  /** The commands. Of a long text, its beginning and `…`. */
  commands: CommandRecord[]
  /** The `cursor` of the next page; null on the last. */
  next_cursor: string | null
}

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

/** Whether this account asked for a command; of commands of before, its name alone is known. */
export function isRequester(
  { requested_by, requester_id }: Pick<CommandRecord, 'requested_by' | 'requester_id'>,
  { name, principal_id }: { name: string; principal_id: string },
): boolean {
  return requested_by === name && (requester_id === undefined || requester_id === principal_id)
}

/** Whether a command of this status has ended. */
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
