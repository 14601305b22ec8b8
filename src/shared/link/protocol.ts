import * as z from 'zod'
import { type AuditCheckpoint, auditCheckpointSchema } from '../access/audit.js'
import { type AgentInfo, agentInfoSchema, labelsSchema } from '../agents/agent.js'
import { inputStateSchema } from '../commands/input.js'
import { executionTargetSchema, idSchema, limits } from '../commands/request.js'
import { printable } from '../printable.js'
import { type AgentLoad, agentLoadSchema } from './load.js'
import { type Bytes, type Report, reportSchema } from './report.js'
import { type OrderSignature, orderSignatureSchema } from './signature.js'
import {
  type AskCheckpoints,
  askCheckpointsSchema,
  type WitnessAnswer,
  witnessAnswerSchema,
} from './witness.js'

// What goes up a link is a part of its protocol.
export * from './load.js'
export * from './report.js'
export * from './signature.js'
export * from './witness.js'

const MAX_HELLO_COMMANDS = 100_000

/** The protocols of the link that this version speaks, from the oldest to the newest. */
export const linkProtocols = { oldest: 1, newest: 2 } as const

const protocolSchema = z.number().int().min(1).max(1000)

/**
 * What a side of the link can do beyond its protocol, by names that both know. Of a controller: `waiting`, a kind of report. Of
 * an agent: `stdin`, orders with `open_stdin` and the pieces of input that follow; `witness`, checkpoints of the audit.
 */
const featuresSchema = z.array(z.string().max(64).overwrite(printable)).max(64)

const machineFields = {
  /** A hash of what the system and its administrator call the machine. */
  id: z.string().max(64).describe('hash of what the system and its administrator call the machine'),
  /** A hash of what the system calls this run of itself. */
  boot: z.string().max(64).describe('hash of what the system calls this run of itself'),
}
/** The schema of `Machine`. */
export const machineSchema = z.object(machineFields)
/** What tells one machine from another, without saying which one it is. */
export interface Machine extends z.infer<z.ZodObject<typeof machineFields>> {}

const helloFields = {
  /** The oldest protocol of the link that this agent speaks. */
  protocol: protocolSchema.describe('the oldest protocol that this agent speaks'),
  /** The newest one; absent: the same. */
  protocol_max: protocolSchema.optional().describe('the newest one; absent: the same'),
  /** Orders that this agent supports beyond its protocol, by name. */
  features: featuresSchema.optional().describe('orders that this agent takes beyond its protocol, by name'),
  /** The id of the agent; absent at its very first registration, for the controller to issue one. */
  agent_id: idSchema.optional().describe('absent at the very first registration: the controller issues one'),
  /** New at each start of the agent process. */
  instance_id: idSchema.describe('new at each start of the agent process'),
  /** What the agent says of its machine and of itself. */
  info: agentInfoSchema,
  /** What its machine was labelled with, by name. */
  labels: labelsSchema,
  /** Tells this machine from a copy of it; absent where nothing does, as in containers. */
  machine: machineSchema
    .optional()
    .describe('tells this machine from a copy of it; absent where nothing does, as in containers'),
  /** Every command of which this agent has not seen the last receipt. */
  commands: z
    .array(idSchema)
    .max(MAX_HELLO_COMMANDS)
    .describe('every command that this agent has not seen receipted to the end'),
}
/** The schema of `Hello`. */
export const helloSchema = z.object(helloFields)
/** What an agent says first on each new connection. */
export interface Hello extends z.infer<z.ZodObject<typeof helloFields>> {
  /** What the agent says of its machine and of itself. */
  info: AgentInfo
  /** Tells this machine from a copy of it; absent where nothing does, as in containers. */
  machine?: Machine | undefined
}

const receiptFields = {
  /** The command. */
  command_id: z.string().max(128),
  /** The highest report of it that is stored; null: drop what is left of the command. */
  stored: z.number().int().min(0).nullable(),
}
/** The schema of `Receipt`. */
export const receiptSchema = z.object(receiptFields)
/**
 * What is stored of one command's reports. `null`: drop what is left of the command, since the controller does
 * not know it, or has its end.
 */
export interface Receipt extends z.infer<z.ZodObject<typeof receiptFields>> {}

/** Any text of a message: the message is bounded. */
const textSchema = z.string().max(limits.message)
const nameSchema = z.string().max(4096)

const executeOrderFields = {
  /** An order to run a command. */
  type: z.literal('execute_command_event'),
  /** The command, which an agent starts once. */
  command_id: idSchema,
  /** The command's text. */
  command: textSchema,
  /** Who asked, as the original names it. */
  requester_sid: nameSchema.describe('who asked, as the original names it'),
  /** Where it is to run. */
  execution_target: executionTargetSchema,
  /** The folder in which it runs; the agent's own. */
  cwd: z.string().max(4096).optional(),
  /** Variables of its environment, by name. */
  env: z.record(textSchema, textSchema).optional(),
  /** What it reads from its standard input; nothing. */
  stdin: textSchema.optional(),
  /** Whether its standard input stays open behind that: the rest comes by input orders. For an agent with the feature `stdin`. */
  open_stdin: z.boolean().optional(),
  /** Seconds after which it is ended. */
  timeout_seconds: z.number().positive().max(limits.seconds),
  /** Bytes of output after which no more is reported. */
  max_output_bytes: z.number().int().min(0),
  /** Not started after this time, in milliseconds since 1970 by the controller. */
  expires_at: z.number().describe('milliseconds since 1970 by the controller: not started after that'),
  /** The trace that the run is a part of, as W3C Trace Context has it. */
  traceparent: z
    .string()
    .max(512)
    .optional()
    .describe('the trace that the run is a part of, as W3C Trace Context has it'),
  /** The newest checkpoint of the audit, for an agent with the feature `witness` that has not had it. */
  checkpoint: auditCheckpointSchema
    .optional()
    .describe(
      'the newest checkpoint of the audit, for an agent with the feature `witness` that has not had it',
    ),
  /** Ed25519 by the controller over what decides what runs; absent where it does not sign. */
  sig: orderSignatureSchema.optional(),
}
/** The schema of `ExecuteOrder`. */
export const executeOrderSchema = z.object(executeOrderFields)
/** An order to run a command. */
export interface ExecuteOrder extends z.infer<z.ZodObject<typeof executeOrderFields>> {
  /** The newest checkpoint of the audit, for an agent with the feature `witness` that has not had it. */
  checkpoint?: AuditCheckpoint | undefined
  /** Ed25519 by the controller over what decides what runs; absent where it does not sign. */
  sig?: OrderSignature | undefined
}

const cancelOrderFields = {
  /** An order to end a command. */
  type: z.literal('cancel_command_event'),
  /** The command. */
  command_id: idSchema,
  /** The name of the account that asked for it. */
  requested_by: nameSchema,
}
/** The schema of `CancelOrder`. */
export const cancelOrderSchema = z.object(cancelOrderFields)
/** An order to end a command. */
export interface CancelOrder extends z.infer<z.ZodObject<typeof cancelOrderFields>> {}

const inputOrderFields = {
  /** A piece of what a command reads. */
  type: z.literal('stdin_command_event'),
  /** The command. */
  command_id: idSchema,
  /** Bytes of its input before this piece; an agent leaves out what it has taken before. */
  offset: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** The piece, 256 KiB at most; nothing, which asks how far the agent is. */
  data: z.custom<Bytes>(
    (data) => data instanceof Uint8Array && data.length <= limits.input,
    'takes bytes, 256 KiB at most',
  ),
  /** Whether nothing comes after it. */
  end: z.boolean().optional(),
}
/** The schema of `InputOrder`. */
export const inputOrderSchema = z.object(inputOrderFields)
/**
 * A piece of what a command reads from its standard input; for an agent with the feature `stdin`. Answered by an `InputAnswer`
 * each time, and sent again where none comes.
 */
export interface InputOrder extends z.infer<z.ZodObject<typeof inputOrderFields>> {}

const registeredFields = {
  /** The answer to a hello. */
  type: z.literal('registered'),
  /** The id of the agent, as given or as issued. */
  agent_id: idSchema,
  /** The id of this link. */
  sid: z.string().max(128),
  /** Milliseconds since 1970 by the controller. */
  server_time: z.number().describe('milliseconds since 1970 by the controller'),
  /** How long the agent may be offline before its commands are given up, in milliseconds. */
  grace_ms: z.number().min(0).describe('how long the agent may be offline before its commands are given up'),
  /** What is stored of each command of the hello. */
  receipts: z
    .array(receiptSchema)
    .max(MAX_HELLO_COMMANDS)
    .describe('what is stored of each command of the hello'),
  /** The protocol that this link speaks; absent: the first. */
  protocol: protocolSchema.optional().describe('the one that this link speaks; absent: the first'),
  /** What this controller supports beyond the first protocol, by name. */
  features: featuresSchema
    .optional()
    .describe('what this controller takes beyond the first protocol: `waiting`, a kind of report'),
  /** The newest checkpoint of the audit, for an agent with the feature `witness`. */
  checkpoint: auditCheckpointSchema
    .optional()
    .describe('the newest checkpoint of the audit, for an agent with the feature `witness`'),
}
/** The schema of `Registered`. */
export const registeredSchema = z.object(registeredFields)
/** What a controller answers to a hello. */
export interface Registered extends z.infer<z.ZodObject<typeof registeredFields>> {
  /** What is stored of each command of the hello. */
  receipts: Receipt[]
  /** The newest checkpoint of the audit, for an agent with the feature `witness`. */
  checkpoint?: AuditCheckpoint | undefined
}

/** The controller's side of the link: `registered` first, then orders. */
export const linkEventSchema = z.discriminatedUnion('type', [
  registeredSchema,
  executeOrderSchema,
  cancelOrderSchema,
  inputOrderSchema,
  askCheckpointsSchema,
])
/** What a controller sends on a link: `registered` first, then orders and questions. */
export type LinkEvent = Registered | Order | AskCheckpoints
/** What a controller orders of an agent. */
export type Order = ExecuteOrder | CancelOrder | InputOrder

const unsupportedOrderFields = {
  /** The type of the order, as the controller named it. */
  type: z.string().max(128),
  /** The command that it was for, where it names one. */
  command_id: idSchema.optional(),
}
/** The schema of `UnsupportedOrder`. */
export const unsupportedOrderSchema = z.object(unsupportedOrderFields)
/** As much of an order as an agent can read that does not know its type, or not all of its fields. */
export interface UnsupportedOrder extends z.infer<z.ZodObject<typeof unsupportedOrderFields>> {}

const inputAnswerFields = {
  /** The command. */
  command_id: z.string().max(128),
  /** Bytes of its input that the agent has taken. */
  taken: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
  /** How its standard input is; `full` is followed by another answer when there is room. */
  state: inputStateSchema,
}
/** The schema of `InputAnswer`. */
export const inputAnswerSchema = z.object(inputAnswerFields)
/** How far an agent is with the input of a command. Not numbered: a lost one is asked for again. */
export interface InputAnswer extends z.infer<z.ZodObject<typeof inputAnswerFields>> {}

const reportBatchFields = {
  /** The id of the link. */
  sid: z.string().max(128),
  /** What there is to report, 4,096 at most. */
  reports: z.array(reportSchema).max(4096),
  /** What has changed about the agent since its hello, such as the state of its SSH target. */
  info: agentInfoSchema.optional(),
  /** How much the agent has to do. */
  load: agentLoadSchema.optional(),
  /** Orders of this link that the agent does not support and did not carry out; from protocol 2 on. */
  unsupported: z.array(unsupportedOrderSchema).max(64).optional(),
  /** Answers to orders with input, for a controller that has sent such orders. */
  inputs: z.array(inputAnswerSchema).max(4096).optional(),
  /** Answers to questions for checkpoints of the audit. */
  witnessed: z.array(witnessAnswerSchema).max(16).optional(),
}
/** The schema of `ReportBatch`. */
export const reportBatchSchema = z.object(reportBatchFields)
/** Reports of one link, many in one message. */
export interface ReportBatch extends z.infer<z.ZodObject<typeof reportBatchFields>> {
  /** What there is to report, 4,096 at most. */
  reports: Report[]
  /** What has changed about the agent since its hello, such as the state of its SSH target. */
  info?: AgentInfo | undefined
  /** How much the agent has to do. */
  load?: AgentLoad | undefined
  /** Orders of this link that the agent does not support and did not carry out; from protocol 2 on. */
  unsupported?: UnsupportedOrder[] | undefined
  /** Answers to orders with input, for a controller that has sent such orders. */
  inputs?: InputAnswer[] | undefined
  /** Answers to questions for checkpoints of the audit. */
  witnessed?: WitnessAnswer[] | undefined
}

/** The receipts of a batch of reports. */
export const receiptsSchema = z.object({ receipts: z.array(receiptSchema) })

/** What a message that was parsed has wrong, for a log: places and kinds, no values. */
export function whatIsWrong(error: z.ZodError): string {
  return z.prettifyError(error)
}
