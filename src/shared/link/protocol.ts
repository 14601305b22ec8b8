import * as z from 'zod'
import { agentInfoSchema, labelsSchema } from '../agents/agent.js'
import { streamSchema } from '../commands/event.js'
import { executionTargetSchema, idSchema, limits } from '../commands/request.js'
import { commandStatusSchema, executionTypeSchema, exitReportSchema } from '../commands/result.js'
import { printable } from '../printable.js'

const MAX_HELLO_COMMANDS = 100_000

/** The protocols of the link that this version speaks, from the oldest to the newest. */
export const linkProtocols = { oldest: 1, newest: 2 } as const

const protocolSchema = z.number().int().min(1).max(1000)

/** What a side of the link can do beyond its protocol, by names that both know. */
const featuresSchema = z.array(z.string().max(64).overwrite(printable)).max(64)

/** What tells one machine from another, without saying which one it is. */
export const machineSchema = z.object({
  id: z.string().max(64).describe('hash of what the system and its administrator call the machine'),
  boot: z.string().max(64).describe('hash of what the system calls this run of itself'),
})
export type Machine = z.infer<typeof machineSchema>

/** What an agent says first on each new connection. */
export const helloSchema = z.object({
  protocol: protocolSchema.describe('the oldest protocol that this agent speaks'),
  protocol_max: protocolSchema.optional().describe('the newest one; absent: the same'),
  features: featuresSchema.optional().describe('orders that this agent takes beyond its protocol, by name'),
  agent_id: idSchema.optional().describe('absent at the very first registration: the controller issues one'),
  instance_id: idSchema.describe('new at each start of the agent process'),
  info: agentInfoSchema,
  labels: labelsSchema,
  machine: machineSchema
    .optional()
    .describe('tells this machine from a copy of it; absent where nothing does, as in containers'),
  commands: z
    .array(idSchema)
    .max(MAX_HELLO_COMMANDS)
    .describe('every command that this agent has not seen receipted to the end'),
})
export type Hello = z.infer<typeof helloSchema>

/**
 * What is stored of one command's reports. `null`: drop what is left of the command, since the controller does
 * not know it, or has its end.
 */
export const receiptSchema = z.object({
  command_id: z.string().max(128),
  stored: z.number().int().min(0).nullable(),
})
export type Receipt = z.infer<typeof receiptSchema>

/** Any text of a message: the message is bounded. */
const textSchema = z.string().max(limits.message)
const nameSchema = z.string().max(4096)

export const executeOrderSchema = z.object({
  type: z.literal('execute_command_event'),
  command_id: idSchema,
  command: textSchema,
  requester_sid: nameSchema.describe('who asked, as the original names it'),
  execution_target: executionTargetSchema,
  cwd: z.string().max(4096).optional(),
  env: z.record(textSchema, textSchema).optional(),
  stdin: textSchema.optional(),
  timeout_seconds: z.number().positive().max(limits.seconds),
  max_output_bytes: z.number().int().min(0),
  expires_at: z.number().describe('milliseconds since 1970 by the controller: not started after that'),
  traceparent: z
    .string()
    .max(512)
    .optional()
    .describe('the trace that the run is a part of, as W3C Trace Context has it'),
})
export type ExecuteOrder = z.infer<typeof executeOrderSchema>

export const cancelOrderSchema = z.object({
  type: z.literal('cancel_command_event'),
  command_id: idSchema,
  requested_by: nameSchema,
})
export type CancelOrder = z.infer<typeof cancelOrderSchema>

export const registeredSchema = z.object({
  type: z.literal('registered'),
  agent_id: idSchema,
  sid: z.string().max(128),
  server_time: z.number().describe('milliseconds since 1970 by the controller'),
  grace_ms: z.number().min(0).describe('how long the agent may be away before its commands are given up'),
  receipts: z.array(receiptSchema).max(MAX_HELLO_COMMANDS).describe('where each command of the hello stands'),
  protocol: protocolSchema.optional().describe('the one that this link speaks; absent: the first'),
  features: featuresSchema
    .optional()
    .describe('what this controller takes beyond the first protocol: `waiting`, a kind of report'),
})
export type Registered = z.infer<typeof registeredSchema>

/** The controller's side of the link: `registered` first, then orders. */
export const linkEventSchema = z.discriminatedUnion('type', [
  registeredSchema,
  executeOrderSchema,
  cancelOrderSchema,
])
export type LinkEvent = z.infer<typeof linkEventSchema>
export type Order = ExecuteOrder | CancelOrder

/** As much of an order as an agent can read that does not know its type, or not all of its fields. */
export const unsupportedOrderSchema = z.object({
  type: z.string().max(128),
  command_id: idSchema.optional(),
})
export type UnsupportedOrder = z.infer<typeof unsupportedOrderSchema>

/** An agent's chunk is at most this long, in bytes: each costs some time on its way, whatever it holds. */
export const MAX_CHUNK_BYTES = 128 * 1024

const numbered = {
  command_id: z.string().max(128),
  n: z.number().int().min(1).describe('1, 2, 3… for each command: the place of this report'),
  timestamp: z.string().max(40),
}

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

export const startedReportSchema = z.object({
  ...numbered,
  kind: z.literal('started'),
  execution_type: executionTypeSchema,
  target: targetSchema,
  pid: z
    .number()
    .int()
    .min(0)
    .max(2 ** 32)
    .optional(),
})

/** The command cannot start yet; only for a controller whose `features` name it. */
export const waitingReportSchema = z.object({
  ...numbered,
  kind: z.literal('waiting'),
  reason: z.string().max(1024),
})

export const outputReportSchema = z.object({
  ...numbered,
  kind: z.literal('output'),
  stream: streamSchema,
  offset: z.number().int().min(0),
  data: chunkSchema,
})

export const resultReportSchema = exitReportSchema.extend({
  ...numbered,
  kind: z.literal('result'),
  status: commandStatusSchema,
  target: targetSchema,
  signal: z.string().max(64).nullable(),
  reason: reasonSchema.nullable(),
  // 30 years in ms: a sum of such times is still a number.
  duration_ms: z.number().min(0).max(1e12),
  stdout_sha256: sha256Schema,
  stderr_sha256: sha256Schema,
})

/** The agent cannot tell how a command ended; the controller knows better than it what arrived of its output. */
export const lostReportSchema = z.object({
  ...numbered,
  kind: z.literal('lost'),
  reason: reasonSchema,
})

/** What an agent tells of a command. */
export const reportSchema = z.discriminatedUnion('kind', [
  lostReportSchema,
  startedReportSchema,
  waitingReportSchema,
  outputReportSchema,
  resultReportSchema,
])
export type Report = z.infer<typeof reportSchema>
export type StartedReport = z.infer<typeof startedReportSchema>
export type WaitingReport = z.infer<typeof waitingReportSchema>
export type OutputReport = z.infer<typeof outputReportSchema>
export type LostReport = z.infer<typeof lostReportSchema>
export type ResultReport = z.infer<typeof resultReportSchema>

/** How much an agent has to do; told now and then, for those who watch over it. */
export const agentLoadSchema = z.object({
  running: z.number().int().min(0),
  queued: z.number().int().min(0),
  outbox_bytes: z.number().int().min(0).describe('reports that are not receipted'),
})
export type AgentLoad = z.infer<typeof agentLoadSchema>

export const reportBatchSchema = z.object({
  sid: z.string().max(128),
  reports: z.array(reportSchema).max(4096),
  /** What has changed about the agent since its hello, such as the state of its SSH target. */
  info: agentInfoSchema.optional(),
  load: agentLoadSchema.optional(),
  /** Orders of this link that the agent does not support and did not carry out; from protocol 2 on. */
  unsupported: z.array(unsupportedOrderSchema).max(64).optional(),
})
export type ReportBatch = z.infer<typeof reportBatchSchema>

export const receiptsSchema = z.object({ receipts: z.array(receiptSchema) })

/** What a message that was parsed has wrong, for a log: places and kinds, no values. */
export function whatIsWrong(error: z.ZodError): string {
  return z.prettifyError(error)
}
