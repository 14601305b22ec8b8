import { z } from 'zod'
import { type CommandEvent, toTextResult } from '../../shared/commands/event.js'
import { type CommandDetail, commandQuerySchema } from '../../shared/commands/record.js'
import {
  commandRequestSchema,
  idSchema,
  type WireEncoding,
  wireEncodingSchema,
} from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import type { Entry, Reader } from '../journal/port.js'
import { bytesOfResult, ROW_BYTES } from '../transport/answer-memory.js'
import { type Connection, enter, mustKnow, procedure, router } from '../transport/trpc/trpc.js'
import { sharedWireEvent } from '../transport/websocket/frames.js'
import { type LiveEvent, liveSubscription, trackedEvents } from '../transport/websocket/live-call.js'
import { undelivered } from './outcome.js'
import type { Commands } from './service.js'

export type CommandServices = {
  commands: Commands
  /** Bytes of one stream that a result may hold. */
  resultBytes: number
}

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
const executeCall = ({ commands }: CommandServices) =>
  liveSubscription({
    access: 'operator',
    input: executeInput,
    async *events({ ctx, caller, input, signal }) {
      const { encoding, lastEventId, ...rest } = input
      checkEncoding(encoding, ctx.connection)
      // Before anything is started: what was seen of another command is a mistake.
      const seen = seenEvent(lastEventId, rest.command_id ?? '')
      const leave = enter(ctx.services, caller)
      try {
        const request = { ...rest, command_id: rest.command_id }
        const head = await commands.start(request, caller, ctx.traceparent)
        const from = (await afterSeen(commands, head.record.command_id, seen, signal)) ?? 1
        for await (const entry of commands.attend(head, from, reader(ctx.connection, signal))) {
          const problem = undelivered(entry.event)
          if (problem) throw problem
          yield wire(entry, encoding)
        }
      } finally {
        leave()
      }
    },
  })

/** The events of any command, from the first or from `from_seq`, live to the end. Throws COMMAND_NOT_FOUND. */
const followCall = ({ commands }: CommandServices) =>
  liveSubscription({
    access: 'viewer',
    input: followInput,
    async *events({ ctx, caller, input, signal }) {
      checkEncoding(input.encoding, ctx.connection)
      const { command_id } = input
      const seen = seenEvent(input.lastEventId, command_id)
      const from = (await afterSeen(commands, command_id, seen, signal)) ?? input.from_seq
      const leave = enter(ctx.services, caller)
      try {
        const entries = commands.follow(command_id, from, reader(ctx.connection, signal))
        for await (const entry of entries) yield wire(entry, input.encoding)
      } finally {
        leave()
      }
    },
  })

/** What the fast path serves of them, and what a router is made of. */
export function commandOperations(services: CommandServices) {
  const { commands, resultBytes } = services
  const executing = executeCall(services)
  const following = followCall(services)
  const execute = procedure(executing.access)
    .input(executing.input)
    .subscription(({ ctx, input, signal = never }) =>
      trackedEvents(executing.events({ ctx, caller: mustKnow(ctx.caller), input, signal }), ctx, signal),
    )
  const commandRouter = router({
    /** Starts a command that goes on by itself. */
    start: procedure('operator')
      .input(commandRequestSchema)
      .mutation(async ({ ctx, input }) => {
        const head = await commands.start(input, mustKnow(ctx.caller), ctx.traceparent)
        return { command_id: head.record.command_id }
      }),

    follow: procedure(following.access)
      .input(following.input)
      .subscription(({ ctx, input, signal = never }) =>
        trackedEvents(following.events({ ctx, caller: mustKnow(ctx.caller), input, signal }), ctx, signal),
      ),

    /** One command with its result. Throws COMMAND_NOT_FOUND. */
    get: procedure('viewer')
      .input(commandIdInput)
      .query(async ({ ctx, input }): Promise<CommandDetail> => {
        const { record, result } = await commands.get(input.command_id, (found) =>
          ctx.admit(bytesOfResult(found, resultBytes)),
        )
        return { ...record, result: result ? toTextResult(result.result, 'utf8') : null }
      }),

    /** The history, newest first, a page at a time. */
    list: procedure('viewer')
      .input(commandQuerySchema.prefault({}))
      .query(async ({ ctx, input }) => {
        await ctx.admit(input.limit * ROW_BYTES)
        return commands.list(input)
      }),

    /** Asks for a command's end. Throws COMMAND_NOT_FOUND, COMMAND_ENDED. */
    cancel: procedure('operator')
      .input(commandIdInput)
      .mutation(async ({ ctx, input }) => {
        await commands.cancel(input.command_id, mustKnow(ctx.caller))
        return { command_id: input.command_id }
      }),
  })
  return { calls: { execute: executing, 'commands.follow': following }, execute, commandRouter }
}

const never = new AbortController().signal

/** A subscriber, who is given a page of events once his socket has room: a slow one waits here, and nowhere else. */
function reader(connection: Connection, signal: AbortSignal): Reader {
  return { signal, ready: () => connection.writable(signal) }
}

function wire({ seq, event }: Entry, encoding: WireEncoding): LiveEvent<CommandEvent> {
  return {
    id: `${event.command_id}:${seq}`,
    data: sharedWireEvent(event, encoding),
    flush: isAwaited(event) ? 'next_tick' : 'coalesce',
  }
}

/** What a person waits for is output and the end. */
function isAwaited(event: Entry['event']): boolean {
  return event.type !== 'command_response' && (event.type !== 'command_progress' || event.state !== 'started')
}

function checkEncoding(encoding: WireEncoding, connection: Connection): void {
  if (encoding !== 'bytes' || connection.binary) return
  const msg = 'bytes takes a WebSocket with binary frames; ask for utf8 or base64'
  const issues = [{ loc: ['encoding'], msg, type: 'invalid_value' }]
  throw new OgentError('VALIDATION_FAILED', `encoding: ${msg}`, { issues })
}

/** Of an event id, its sequence; undefined where a subscriber has seen none. `loc`: where he says so. */
export function seenEvent(
  lastEventId: string | undefined,
  command_id: string,
  loc = ['lastEventId'],
): number | undefined {
  if (lastEventId === undefined) return undefined
  const at = lastEventId.lastIndexOf(':')
  const seq = Number(lastEventId.slice(at + 1))
  if (lastEventId.slice(0, at) === command_id && Number.isSafeInteger(seq) && seq >= 0) return seq
  throw notSeen(`is not an event of command ${command_id}`, loc)
}

/**
 * Throws VALIDATION_FAILED where that event was never written. A controller whose data was restored, or which was
 * killed before it could store what it had shown, counts anew from an earlier place: to go on from a later one would
 * leave out what gets the numbers in between.
 */
export function checkSeen(seen: number, command_id: string, last_seq: number, loc = ['lastEventId']): void {
  if (seen <= last_seq) return
  throw notSeen(`is not an event of command ${command_id}, whose last one so far is ${last_seq}`, loc)
}

function notSeen(msg: string, loc: string[]): OgentError {
  const issues = [{ loc, msg, type: 'invalid_value' }]
  return new OgentError('VALIDATION_FAILED', `${loc.join('.')}: ${msg}`, { issues })
}

/** Where a subscriber goes on; undefined for one who has seen nothing. Throws COMMAND_NOT_FOUND, VALIDATION_FAILED. */
async function afterSeen(
  commands: Commands,
  command_id: string,
  seen: number | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (seen === undefined) return undefined
  checkSeen(seen, command_id, (await commands.standingAt(command_id, seen, signal)).last_seq)
  return seen + 1
}
