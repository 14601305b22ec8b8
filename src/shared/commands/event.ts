import * as z from 'zod'
import { type CommandAnalysis, commandAnalysisSchema } from '../analysis/analysis.js'
import { executionTargetSchema } from './request.js'
import {
  type CommandResult,
  commandResultSchema,
  commandStatusSchema,
  executionTypeSchema,
} from './result.js'

/** The streams that a process writes to. */
export const streamSchema = z.enum(['stdout', 'stderr'])
/** A stream that a process writes to. */
export type StreamName = z.infer<typeof streamSchema>

const base = {
  /** The command to which it happened. */
  command_id: z.string().describe('The command to which it happened.'),
  /** When it happened, as an RFC 3339 time. */
  timestamp: z.string().describe('When it happened, as an RFC 3339 time.'),
}
/** What every event says. */
interface EventBase extends z.infer<z.ZodObject<typeof base>> {}

const progress = {
  type: z.literal('command_progress').describe('The command is under way: `state` says what happened.'),
  ...base,
}
/** What every event between the first and the last says. */
interface ProgressBase extends EventBase {
  /** The command is under way: `state` says what happened. */
  type: 'command_progress'
}

const responseFields = {
  /** The agent to which the command is sent. */
  agent_id: z.string().describe('The agent to which the command is sent.'),
  /** The command's text. */
  command: z.string().describe("The command's text."),
  /** It has not started yet. */
  status: z.literal('pending').describe('It has not started yet.'),
  /** The name of the account that asked for it. */
  requested_by: z.string().describe('The name of the account that asked for it.'),
  /** Where it is to run. */
  execution_target: executionTargetSchema.describe('Where it is to run.'),
  /** What was said of it before it ran, where that was asked for. */
  ai_processing: commandAnalysisSchema
    .optional()
    .describe('What was said of it before it ran, where that was asked for.'),
  /** What the guard has to say of it, a sentence each. */
  warnings: z.array(z.string()).optional().describe('what the guard has to say of the command'),
}
/** The schema of `ResponseEvent`. */
export const responseEventSchema = z.object({
  type: z.literal('command_response').describe('The command was accepted.'),
  ...base,
  ...responseFields,
})
/** The first event: the controller has stored the command and will send it to its agent. */
export interface ResponseEvent extends EventBase, z.infer<z.ZodObject<typeof responseFields>> {
  /** The command was accepted. */
  type: 'command_response'
  /** What was said of it before it ran, where that was asked for. */
  ai_processing?: CommandAnalysis | undefined
}

const startedFields = {
  /** The process has started. */
  state: z.literal('started').describe('The process has started.'),
  /** On the agent's own machine, or on its SSH target. */
  execution_type: executionTypeSchema.describe("On the agent's own machine, or on its SSH target."),
  /** The machine on which it runs, as the agent names it. */
  target: z.string().describe('The machine on which it runs, as the agent names it.'),
  /** The id of its process; absent on an SSH target. */
  pid: z.number().int().optional().describe('The id of its process; absent on an SSH target.'),
}
/** The schema of `StartedEvent`. */
export const startedEventSchema = z.object({ ...progress, ...startedFields })
/** The command has started. */
export interface StartedEvent extends ProgressBase, z.infer<z.ZodObject<typeof startedFields>> {}

const waitingFields = {
  /** The command cannot start yet. */
  state: z.literal('waiting').describe('The command cannot start yet.'),
  /** What it waits for, as a sentence. */
  reason: z.string().describe('what the command waits for before it can start, as a sentence'),
}
/** The schema of `WaitingEvent`. */
export const waitingEventSchema = z.object({ ...progress, ...waitingFields })
/** The agent has the command and cannot start it yet. */
export interface WaitingEvent extends ProgressBase, z.infer<z.ZodObject<typeof waitingFields>> {}

const outputFields = {
  /** The process has written something. */
  state: z.literal('output').describe('The process has written something.'),
  /** To which of its streams. */
  stream: streamSchema.describe('To which of its streams.'),
  /** What it wrote, in the encoding of the request; as text it is cut between characters. */
  data: z.string().describe('in the encoding asked for; cut on a character boundary'),
  /** Bytes of this stream before this chunk. */
  offset: z.number().int().describe('bytes of this stream before this chunk'),
  /** Bytes of this chunk as the process wrote it. */
  bytes: z.number().int().describe('bytes of this chunk as the process wrote it'),
}
/** The schema of `OutputEvent`. */
export const outputEventSchema = z.object({ ...progress, ...outputFields })
/** A chunk of output. */
export interface OutputEvent extends ProgressBase, z.infer<z.ZodObject<typeof outputFields>> {}

const cancelRequestedFields = {
  /** An end was asked for. */
  state: z.literal('cancel_requested').describe('An end was asked for.'),
  /** The name of the account that asked for it. */
  requested_by: z.string().describe('The name of the account that asked for it.'),
}
/** The schema of `CancelRequestedEvent`. */
export const cancelRequestedEventSchema = z.object({ ...progress, ...cancelRequestedFields })
/** The command is to be cancelled. Its end is the result. */
export interface CancelRequestedEvent
  extends ProgressBase,
    z.infer<z.ZodObject<typeof cancelRequestedFields>> {}

const presenceChangeFields = {
  /** The link to the agent was lost, or is there again. The command runs on either way. */
  state: z
    .enum(['agent_lost', 'agent_back'])
    .describe('The link to the agent was lost, or is there again. The command runs on either way.'),
}
/** The schema of `PresenceChangeEvent`. */
export const presenceChangeEventSchema = z.object({ ...progress, ...presenceChangeFields })
/** The agent that runs the command was lost, or is back. */
export interface PresenceChangeEvent
  extends ProgressBase,
    z.infer<z.ZodObject<typeof presenceChangeFields>> {}

const resultFields = {
  /** The agent to which the command was sent. */
  agent_id: z.string().describe('The agent to which the command was sent.'),
  /** The command's text. */
  command: z.string().describe("The command's text."),
  /** How it ended. */
  status: commandStatusSchema.describe('How it ended.'),
  /** What it came to. */
  result: commandResultSchema.describe('What it came to.'),
  /** What was said of it before it ran, where that was asked for. */
  ai_processing: commandAnalysisSchema
    .optional()
    .describe('What was said of it before it ran, where that was asked for.'),
}
/** The schema of `ResultEvent`. */
export const resultEventSchema = z.object({
  type: z.literal('command_result').describe('The command has ended.'),
  ...base,
  ...resultFields,
})
/** The last event: the command has ended. */
export interface ResultEvent extends EventBase, z.infer<z.ZodObject<typeof resultFields>> {
  /** The command has ended. */
  type: 'command_result'
  /** What it came to. */
  result: CommandResult
  /** What was said of it before it ran, where that was asked for. */
  ai_processing?: CommandAnalysis | undefined
}

/** What happens to a command, in the order of its journal. */
export const commandEventSchema = z.union([
  responseEventSchema,
  startedEventSchema,
  waitingEventSchema,
  outputEventSchema,
  cancelRequestedEventSchema,
  presenceChangeEventSchema,
  resultEventSchema,
])

/** What happens to a command, in the order of its journal. `type` and `state` tell the kinds apart. */
export type CommandEvent =
  | ResponseEvent
  | StartedEvent
  | WaitingEvent
  | OutputEvent
  | CancelRequestedEvent
  | PresenceChangeEvent
  | ResultEvent

/** A chunk of output while it is still bytes: in the journal, and on links with binary frames. */
export interface RawOutputEvent extends Omit<OutputEvent, 'data'> {
  /** What the process wrote. */
  data: Uint8Array
}
/** A result whose output is still bytes. */
export interface RawCommandResult extends Omit<CommandResult, 'stdout' | 'stderr'> {
  /** What it wrote to its stdout: beginning and end, where it was truncated. */
  stdout: Uint8Array
  /** What it wrote to its stderr: beginning and end, where it was truncated. */
  stderr: Uint8Array
}
/** The last event while the output in it is still bytes. */
export interface RawResultEvent extends Omit<ResultEvent, 'result'> {
  /** What it came to. */
  result: RawCommandResult
}
/** The same events while their output is still bytes: in the journal, and on links with binary frames. */
export type RawCommandEvent =
  | Exclude<CommandEvent, OutputEvent | ResultEvent>
  | RawOutputEvent
  | RawResultEvent
