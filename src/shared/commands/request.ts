import * as z from 'zod'
import { limits } from './limits.js'

export { limits }

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

/** Where a command is to run. */
export const executionTargetSchema = z.enum(['auto', 'local', 'ssh'])
/** Where a command is to run: on the agent's own machine, on its SSH target, or `auto`, the SSH target where there is one. */
export type ExecutionTarget = z.infer<typeof executionTargetSchema>

/** How output is given as text. */
export const encodingSchema = z.enum(['utf8', 'base64'])
/** How output is given as text: as UTF-8, in which what is not UTF-8 becomes U+FFFD, or as base64. */
export type Encoding = z.infer<typeof encodingSchema>

/** What a link with binary frames may ask for besides: chunks as they are. */
export const wireEncodingSchema = z.enum(['utf8', 'base64', 'bytes'])
/** How output is given: as text, or on links with binary frames as bytes. */
export type WireEncoding = z.infer<typeof wireEncodingSchema>

/** Variables that choose what code programs load, before the command is even read. */
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

const requestFields = {
  /** The command's text, run by `/bin/sh -c` on the target; 1 byte to 128 KiB. */
  command: z
    .string()
    .min(1, 'takes 1 byte to 128 KiB, got nothing')
    .refine((text) => utf8Bytes(text) <= limits.command, 'takes 1 byte to 128 KiB, got more')
    .refine(noNul, NUL)
    .describe('Run by /bin/sh -c on the target; 1 byte to 128 KiB.'),
  /** Where it runs: on the agent's own machine, or on its SSH target; `auto`, by which the SSH target is taken where there is one. */
  execution_target: executionTargetSchema
    .default('auto')
    .describe('auto: ssh where the agent has a target configured, else local.'),
  /** Whether it is analysed before it runs, by the rules of the guard and a model, and refused where it has risks; no. */
  use_ai: z
    .boolean()
    .optional()
    .describe(
      'Whether it is analysed before it runs, by the rules of the guard and a model; a command with risks is refused.',
    ),
  /** The system on which it runs, for the analysis, such as `Debian 12`; 1024 characters at most. */
  system: z
    .string()
    .max(1024)
    .optional()
    .describe('The system on which it runs, for the analysis, such as `Debian 12`; 1024 characters at most.'),
  /** What it is for, for the analysis; 8192 characters at most. */
  context: z
    .string()
    .max(8192)
    .optional()
    .describe('What it is for, for the analysis; 8192 characters at most.'),
  /** Whether the optimized command of the analysis is run in its place; no. */
  apply_optimization: z
    .boolean()
    .optional()
    .describe('Whether the optimized command of the analysis is run in its place.'),
  /** After how many seconds it is ended, more than 0, a week (604800) at most; the controller's `COMMAND_TIMEOUT_SECONDS`. */
  timeout_seconds: z
    .number()
    .positive()
    .max(limits.seconds)
    .optional()
    .describe(
      'Seconds after which it is ended, a week at most; without it `COMMAND_TIMEOUT_SECONDS` of the controller.',
    ),
  /** The folder in which it runs; the agent's own. */
  cwd: z
    .string()
    .min(1)
    .max(4096)
    .refine(noNul, NUL)
    .optional()
    .describe('The folder in which it runs; without it the one of the agent.'),
  /** Variables of its environment, by name; 128 KiB at most. Those that make programs load other code are not taken. */
  env: z
    .record(envNameSchema, z.string().refine(noNul, NUL))
    .refine((env) => utf8Bytes(Object.entries(env).flat().join('')) <= limits.env, 'takes 128 KiB at most')
    .optional()
    .describe(
      'Variables of its environment, by name; 128 KiB at most. Those that make programs load other code are not taken.',
    ),
  /** What it reads from its standard input, which is then closed unless `open_stdin` is true; 1 MiB at most; nothing. */
  stdin: z
    .string()
    .refine((text) => utf8Bytes(text) <= limits.stdin, 'takes 1 MiB at most')
    .optional()
    .describe(
      'Written to the standard input, 1 MiB at most, which is then closed unless `open_stdin` is true; without either the command reads nothing.',
    ),
  /**
   * Whether its standard input stays open behind `stdin`: what comes next is written by `commands.input`, to its end. Only an
   * agent that has the feature `stdin` runs it; no.
   */
  open_stdin: z
    .boolean()
    .optional()
    .describe(
      'Whether the standard input stays open: what it reads next is sent by `POST /commands/{command_id}/input`, to its end. For agents that have the feature `stdin`.',
    ),
  /** How output is given as text; `utf8`. */
  encoding: encodingSchema.optional().describe('How this subscriber wants output data.'),
  /** What becomes of it when the client that called `execute` is gone; `continue`. */
  on_disconnect: z
    .enum(['continue', 'cancel'])
    .default('continue')
    .describe('What becomes of the command when the subscriber of `execute` goes.'),
  /** How long it waits for an agent that is known and not connected, in seconds, a week at most; 10. */
  deliver_within_seconds: seconds
    .default(10)
    .describe('How long to wait for a known agent that is offline, in seconds.'),
  /** `high`: it runs although the guard sees a high risk, for admins; it is refused where the guard refuses risks. */
  allow_risk: z.literal('high').optional().describe('`high`: it runs although the guard sees a high risk.'),
  /** An id of your own: a command that is known by it is followed, and not started again; a new ULID. */
  command_id: idSchema.optional().describe('Idempotency key: a known one is followed, not started again.'),
}
/** All of a request but the agent, which REST has in its path. */
export const executeBodySchema = z.object(requestFields)

const agentField = {
  /** The agent that runs it. */
  agent_id: idSchema.describe('The agent that runs it.'),
}
/** A request to run a command. */
export const commandRequestSchema = executeBodySchema.extend(agentField)

/** A request to run a command, as a caller writes it: what has a default may be left out. */
export interface CommandRequest
  extends z.input<z.ZodObject<typeof requestFields>>,
    z.input<z.ZodObject<typeof agentField>> {}
/** A request to run a command, as the controller works with it. */
export interface ParsedCommandRequest
  extends z.output<z.ZodObject<typeof requestFields>>,
    z.output<z.ZodObject<typeof agentField>> {}
