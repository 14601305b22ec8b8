import * as z from 'zod'

export const limits = {
  /** Bytes of a command's text. */
  command: 128 * 1024,
  /** Bytes of a request's stdin, as UTF-8. */
  stdin: 1024 * 1024,
  /** Bytes of all names and values of a request's environment. */
  env: 128 * 1024,
  /** Bytes of one message, over HTTP or WebSocket. */
  message: 4 * 1024 * 1024,
  /** Seconds: a week, for anything that waits. */
  seconds: 7 * 24 * 3600,
} as const

/** Length in bytes of a text as UTF-8. */
export function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).length
}

const noNul = (text: string) => !text.includes('\0')
const NUL = 'must not hold a NUL byte: a process cannot be given one'

/** An id that a user may choose: for agents and commands. ULIDs are made where none is chosen. */
export const idSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, 'takes 1 to 128 letters, digits, and . _ : - inside')

export const executionTargetSchema = z.enum(['auto', 'local', 'ssh'])
export type ExecutionTarget = z.infer<typeof executionTargetSchema>

export const encodingSchema = z.enum(['utf8', 'base64'])
export type Encoding = z.infer<typeof encodingSchema>

/** What a link with binary frames may ask for besides: chunks as they are. */
export const wireEncodingSchema = z.enum(['utf8', 'base64', 'bytes'])
export type WireEncoding = z.infer<typeof wireEncodingSchema>

/** Variables by which whoever sets them chooses what code programs load, before the command is even read. */
const loadsCode = /^(LD_.*|DYLD_.*|NODE_OPTIONS|BASH_ENV|ENV)$/

/** Whether no request may set this variable. The agent asks as well: it takes no controller's word for it. */
export function loadsForeignCode(name: string): boolean {
  return loadsCode.test(name)
}

const envNameSchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'takes letters, digits and _, not beginning with a digit')
  .refine((name) => !loadsForeignCode(name), 'is not taken: it makes programs load other code')

const seconds = z.number().min(0).max(limits.seconds)

/** All of a request but the agent, which REST has in its path. */
export const executeBodySchema = z.object({
  command: z
    .string()
    .min(1, 'takes 1 byte to 128 KiB, got nothing')
    .refine((text) => utf8Bytes(text) <= limits.command, 'takes 1 byte to 128 KiB, got more')
    .refine(noNul, NUL)
    .describe('Run by /bin/sh -c on the target; 1 byte to 128 KiB.'),
  execution_target: executionTargetSchema
    .default('auto')
    .describe('auto: ssh where the agent has a target configured, else local.'),
  use_ai: z.boolean().optional(),
  system: z.string().max(1024).optional(),
  context: z.string().max(8192).optional(),
  apply_optimization: z.boolean().optional(),
  timeout_seconds: z.number().positive().max(limits.seconds).optional(),
  cwd: z.string().min(1).max(4096).refine(noNul, NUL).optional(),
  env: z
    .record(envNameSchema, z.string().refine(noNul, NUL))
    .refine((env) => utf8Bytes(Object.entries(env).flat().join('')) <= limits.env, 'takes 128 KiB at most')
    .optional(),
  stdin: z
    .string()
    .refine((text) => utf8Bytes(text) <= limits.stdin, 'takes 1 MiB at most')
    .optional()
    .describe('Written to the standard input, which is then closed; without it the command reads nothing.'),
  encoding: encodingSchema.optional().describe('How this reader wants output data.'),
  on_disconnect: z
    .enum(['continue', 'cancel'])
    .default('continue')
    .describe('What becomes of the command when the subscriber of `execute` goes.'),
  deliver_within_seconds: seconds
    .default(10)
    .describe('How long to wait for a known agent that is away, in seconds.'),
  allow_risk: z.literal('high').optional(),
  command_id: idSchema.optional().describe('Idempotency key: a known one is followed, not started again.'),
})

/** A request to run a command. */
export const commandRequestSchema = executeBodySchema.extend({ agent_id: idSchema })

/** What a caller writes: defaults may be left out. */
export type CommandRequest = z.input<typeof commandRequestSchema>
/** What the controller works with. */
export type ParsedCommandRequest = z.output<typeof commandRequestSchema>
