import { tracked } from '@trpc/server'
import { z } from 'zod'
import {
  commandRequestSchema,
  idSchema,
  type WireEncoding,
  wireEncodingSchema,
} from '../../shared/command.js'
import { OgentError } from '../../shared/errors.js'
import { toTextResult } from '../../shared/event.js'
import { type CommandDetail, commandQuerySchema } from '../../shared/record.js'
import type { Entry } from '../core/journal.js'
import { undelivered } from '../core/outcome.js'
import { sharedWireEvent } from './socket-frames.js'
import { type Connection, mustKnow, procedure, router } from './trpc.js'

const commandIdInput = z.object({ command_id: idSchema })

/** `execute`'s input: a request, and where a subscriber who lost his socket goes on. */
const executeInput = commandRequestSchema.extend({
  encoding: wireEncodingSchema.default('utf8'),
  lastEventId: z.string().max(256).optional(),
})

const followInput = z.object({
  command_id: idSchema,
  encoding: wireEncodingSchema.default('utf8'),
  from_seq: z.number().int().min(1).default(1),
  lastEventId: z.string().max(256).optional(),
})

/**
 * Starts a command and yields its events, the `command_result` last. With the id of a known command it
 * follows that one instead of starting another. Throws what REST answers: AGENT_NOT_FOUND, AGENT_OFFLINE,
 * TARGET_UNAVAILABLE, COMMAND_ID_TAKEN, COMMAND_REFUSED, VALIDATION_FAILED, UNAVAILABLE.
 */
export const execute = procedure('operator')
  .input(executeInput)
  .subscription(async function* ({ ctx, input, signal = never }) {
    const { encoding, lastEventId, ...rest } = input
    checkEncoding(encoding, ctx.connection)
    const head = await ctx.services.commands.start(
      { ...rest, command_id: rest.command_id },
      mustKnow(ctx.caller),
    )
    const from = afterEvent(lastEventId, head.record.command_id) ?? 1
    const entries = ctx.services.commands.attend(head, from, signal)
    for await (const entry of entries) {
      const problem = undelivered(entry.event)
      if (problem) throw problem
      yield await wire(entry, encoding, ctx.connection, signal)
    }
  })

export const commandRouter = router({
  /** Starts a command that goes on by itself. */
  start: procedure('operator')
    .input(commandRequestSchema)
    .mutation(async ({ ctx, input }) => {
      const head = await ctx.services.commands.start(input, mustKnow(ctx.caller))
      return { command_id: head.record.command_id }
    }),

  /** The events of any command, from the first or from `from_seq`, live to the end. Throws COMMAND_NOT_FOUND. */
  follow: procedure('viewer')
    .input(followInput)
    .subscription(async function* ({ ctx, input, signal = never }) {
      checkEncoding(input.encoding, ctx.connection)
      const from = afterEvent(input.lastEventId, input.command_id) ?? input.from_seq
      for await (const entry of ctx.services.commands.follow(input.command_id, from, signal)) {
        yield await wire(entry, input.encoding, ctx.connection, signal)
      }
    }),

  /** One command with its result. Throws COMMAND_NOT_FOUND. */
  get: procedure('viewer')
    .input(commandIdInput)
    .query(async ({ ctx, input }): Promise<CommandDetail> => {
      const { record, result } = await ctx.services.commands.get(input.command_id)
      return { ...record, result: result ? toTextResult(result.result, 'utf8') : null }
    }),

  /** The history, newest first, a page at a time. */
  list: procedure('viewer')
    .input(commandQuerySchema.prefault({}))
    .query(({ ctx, input }) => ctx.services.commands.list(input)),

  /** Asks for a command's end. Throws COMMAND_NOT_FOUND, COMMAND_ENDED. */
  cancel: procedure('operator')
    .input(commandIdInput)
    .mutation(async ({ ctx, input }) => {
      await ctx.services.commands.cancel(input.command_id, mustKnow(ctx.caller))
      return { command_id: input.command_id }
    }),
})

const never = new AbortController().signal

/** One event for one subscriber, once its socket has room: a slow reader waits here, and nowhere else. */
async function wire(entry: Entry, encoding: WireEncoding, connection: Connection, signal: AbortSignal) {
  await connection.writable(signal)
  const event = sharedWireEvent(entry.event, encoding)
  return tracked(`${event.command_id}:${entry.seq}`, event)
}

function checkEncoding(encoding: WireEncoding, connection: Connection): void {
  if (encoding !== 'bytes' || connection.binary) return
  const msg = 'bytes takes a WebSocket with binary frames; ask for utf8 or base64'
  const issues = [{ loc: ['encoding'], msg, type: 'invalid_value' }]
  throw new OgentError('VALIDATION_FAILED', `encoding: ${msg}`, { issues })
}

/** The sequence after the event that a subscriber saw last; undefined where it has seen none. */
export function afterEvent(lastEventId: string | undefined, command_id: string): number | undefined {
  if (lastEventId === undefined) return undefined
  const at = lastEventId.lastIndexOf(':')
  const seq = Number(lastEventId.slice(at + 1))
  if (lastEventId.slice(0, at) === command_id && Number.isSafeInteger(seq) && seq >= 0) return seq + 1
  const msg = `is not an event of command ${command_id}`
  const issues = [{ loc: ['lastEventId'], msg, type: 'invalid_value' }]
  throw new OgentError('VALIDATION_FAILED', `lastEventId: ${msg}`, { issues })
}
