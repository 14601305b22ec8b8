import * as z from 'zod'
import { streamSchema } from './event.js'
import { encodingSchema } from './request.js'

/** Which stream of a command is read. */
export const outputQuerySchema = z.object({ stream: streamSchema.default('stdout') })

/** How the bytes of output are written in JSON. */
export const encodingQuerySchema = z.object({ encoding: encodingSchema.default('utf8') })
