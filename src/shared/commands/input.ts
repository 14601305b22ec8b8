import * as z from 'zod'
import { limits } from './limits.js'
import { encodingSchema, idSchema } from './request.js'

const offsetSchema = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER)

/**
 * How the standard input of a command is. `open`: all was taken, and more may come; `full`: the command has not read enough of
 * it, and what was not taken is to be sent again; `ended`: its end was taken; `closed`: the command reads no more of it, as one
 * that has ended or that was started without an open standard input.
 */
export const inputStateSchema = z.enum(['open', 'full', 'ended', 'closed'])
/** How the standard input of a command is: see `inputStateSchema`. */
export type InputState = z.infer<typeof inputStateSchema>

const inputFields = {
  /** The command, started with `open_stdin`. */
  command_id: idSchema.describe('The command, started with `open_stdin`.'),
  /** Bytes of its input before this piece, without those of the request's `stdin`; 0. What the agent has taken before is left out. */
  offset: offsetSchema
    .default(0)
    .describe(
      'Bytes of its input before this piece. What the agent has taken before is left out, so that a piece may be sent again.',
    ),
  /** The piece, 256 KiB at most; nothing, which asks how far the agent is. */
  data: z
    .string()
    .max(limits.message)
    .default('')
    .describe('The piece, 256 KiB at most; nothing asks how far the agent is.'),
  /** How `data` has the bytes; `utf8`. */
  encoding: encodingSchema.default('utf8').describe('How `data` has the bytes.'),
  /** Whether nothing comes after this piece; no. */
  end: z
    .boolean()
    .optional()
    .describe('Whether nothing comes after this piece: the command reads the end of its input.'),
}
/** The schema of `CommandInput`. */
export const commandInputSchema = z.object(inputFields)
/** A piece of what a command reads from its standard input, as a caller writes it: what has a default may be left out. */
export interface CommandInput extends z.input<z.ZodObject<typeof inputFields>> {}
/** The same as the controller works with it. */
export interface ParsedCommandInput extends z.output<z.ZodObject<typeof inputFields>> {}

const inputReplyFields = {
  /** The command. */
  command_id: z.string().describe('The command.'),
  /** Bytes of its input that its agent has taken, of all pieces together: the next piece begins there. */
  taken: offsetSchema.describe('Bytes of its input that its agent has taken: the next piece begins there.'),
  /** How its standard input is. */
  state: inputStateSchema.describe(
    '`open`: more may come; `full`: it has not read enough, send what was not taken again; `ended`; `closed`: it reads no more.',
  ),
}
/** The schema of `CommandInputReply`. */
export const commandInputReplySchema = z.object(inputReplyFields)
/** How far the input of a command is. */
export interface CommandInputReply extends z.infer<z.ZodObject<typeof inputReplyFields>> {}
