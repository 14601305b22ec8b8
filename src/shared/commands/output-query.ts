import * as z from 'zod'
import { streamSchema } from './event.js'
import { encodingSchema } from './request.js'

/** Which stream of a command is read. */
export const outputQuerySchema = z.object({
  stream: streamSchema.default('stdout').describe('The stream to read.'),
})

/** How the bytes of output are written in JSON. */
export const encodingQuerySchema = z.object({
  encoding: encodingSchema
    .default('utf8')
    .describe('How output is written: as text, or as base64 for what is no text.'),
})
