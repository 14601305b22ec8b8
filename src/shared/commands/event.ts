import * as z from 'zod'
import { commandAnalysisSchema } from '../analysis/analysis.js'
import { type Encoding, executionTargetSchema, type WireEncoding } from './request.js'
import {
  type CommandResult,
  commandResultSchema,
  commandStatusSchema,
  executionTypeSchema,
} from './result.js'

export const streamSchema = z.enum(['stdout', 'stderr'])
export type StreamName = z.infer<typeof streamSchema>

const base = { command_id: z.string(), timestamp: z.string() }
const progress = { type: z.literal('command_progress'), ...base }

export const responseEventSchema = z.object({
  type: z.literal('command_response'),
  ...base,
  agent_id: z.string(),
  command: z.string(),
  status: z.literal('pending'),
  requested_by: z.string(),
  execution_target: executionTargetSchema,
  ai_processing: commandAnalysisSchema.optional(),
  warnings: z.array(z.string()).optional().describe('what the guard has to say of the command'),
})

export const startedEventSchema = z.object({
  ...progress,
  state: z.literal('started'),
  execution_type: executionTypeSchema,
  target: z.string(),
  pid: z.number().int().optional(),
})

export const waitingEventSchema = z.object({
  ...progress,
  state: z.literal('waiting'),
  reason: z.string().describe('what the command waits for before it can start, as a sentence'),
})

export const outputEventSchema = z.object({
  ...progress,
  state: z.literal('output'),
  stream: streamSchema,
  data: z.string().describe('in the encoding asked for; cut on a character boundary'),
  offset: z.number().int().describe('bytes of this stream before this chunk'),
  bytes: z.number().int().describe('bytes of this chunk as the process wrote it'),
})

export const cancelRequestedEventSchema = z.object({
  ...progress,
  state: z.literal('cancel_requested'),
  requested_by: z.string(),
})

export const presenceChangeEventSchema = z.object({
  ...progress,
  state: z.enum(['agent_lost', 'agent_back']),
})

export const resultEventSchema = z.object({
  type: z.literal('command_result'),
  ...base,
  agent_id: z.string(),
  command: z.string(),
  status: commandStatusSchema,
  result: commandResultSchema,
  ai_processing: commandAnalysisSchema.optional(),
})

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

export type CommandEvent = z.infer<typeof commandEventSchema>
export type OutputEvent = z.infer<typeof outputEventSchema>
export type ResultEvent = z.infer<typeof resultEventSchema>

/** The same events while their output is still bytes: in the journal, and on links with binary frames. */
export type RawOutputEvent = Omit<OutputEvent, 'data'> & { data: Uint8Array }
export type RawCommandResult = Omit<CommandResult, 'stdout' | 'stderr'> & {
  stdout: Uint8Array
  stderr: Uint8Array
}
export type RawResultEvent = Omit<ResultEvent, 'result'> & { result: RawCommandResult }
export type RawCommandEvent =
  | Exclude<CommandEvent, OutputEvent | ResultEvent>
  | RawOutputEvent
  | RawResultEvent

export function isOutput(event: RawCommandEvent): event is RawOutputEvent {
  return event.type === 'command_progress' && event.state === 'output'
}

// A byte order mark is output like any other: a decoder that eats it would make text and bytes differ.
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Bytes as text for one reader. Chunks are cut on character boundaries, so each stands alone. */
export function decodeBytes(data: Uint8Array, encoding: Encoding): string {
  return encoding === 'utf8' ? decoder.decode(data) : toBase64(data)
}

/** A journal event as text for one reader. */
export function toTextEvent(event: RawCommandEvent, encoding: Encoding): CommandEvent {
  if (isOutput(event)) return { ...event, data: decodeBytes(event.data, encoding) }
  if (event.type === 'command_result') {
    return { ...event, result: toTextResult(event.result, encoding) }
  }
  return event
}

export function toTextResult(result: RawCommandResult, encoding: Encoding): CommandResult {
  return {
    ...result,
    stdout: decodeBytes(result.stdout, encoding),
    stderr: decodeBytes(result.stderr, encoding),
  }
}

/** A journal event as it goes on the wire: untouched for those who read bytes. */
export function toWireEvent(event: RawCommandEvent, encoding: WireEncoding): CommandEvent {
  // A reader of bytes gets the raw event under the text event's static type: the router's type is written
  // for the documented readers, and the SDK, the only one to ask for bytes, turns it back at its own edge.
  if (encoding === 'bytes') return event as unknown as CommandEvent
  return toTextEvent(event, encoding)
}

function toBase64(data: Uint8Array): string {
  let binary = ''
  for (let at = 0; at < data.length; at += 0x8000) {
    binary += String.fromCharCode(...data.subarray(at, at + 0x8000))
  }
  return btoa(binary)
}
