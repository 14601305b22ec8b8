import { z } from 'zod'
import type { CommandEvent } from '../../shared/commands/event.js'
import { toTextResult } from '../../shared/commands/event-text.js'
import { commandInputSchema } from '../../shared/commands/input.js'
import { encodingQuerySchema } from '../../shared/commands/output-query.js'
import {
  type CommandDetail,
  type CommandQuery,
  commandParametersSchema,
  commandQuerySchema,
} from '../../shared/commands/record.js'
import {
  commandRequestSchema,
  type Encoding,
  idSchema,
  type WireEncoding,
  wireEncodingSchema,
} from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import type { Entry, Subscriber } from '../journal/port.js'
import { bytesOfResult, ROW_BYTES } from '../transport/answer-memory.js'
import type { Actor } from '../transport/caller.js'
import { derived, json, linkToNext, mutation, query, route, subscription } from '../transport/operation.js'
import { type Connection, enter } from '../transport/trpc/trpc.js'
import type { LiveEvent } from '../transport/websocket/live-call.js'
import { commandParams, type EventRoutesServices, eventsRoute, outputRoute } from './events.routes.js'
import { type ExecuteRouteServices, executeRoute } from './execute.routes.js'
import { type FeedRouteServices, feedRoute } from './feed.routes.js'
import type { CommandInputs } from './input/service.js'
import { undelivered } from './outcome.js'
import { recordingRoute } from './recording.routes.js'
import { afterSeen, seenEvent } from './seen-event.js'
import type { Commands } from './service.js'
import { sharedWireEvent } from './shared-events.js'

export type CommandServices = {
  commands: Commands
  inputs: CommandInputs
  /** Bytes of one stream that a result may hold. */
  resultBytes: number
}

/** `execute`'s input: a request, and where a subscriber that lost its socket goes on. */
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
export function executeOperation(services: CommandServices & ExecuteRouteServices) {
  const { commands } = services
  return subscription({
    access: 'run.shell',
    input: executeInput,
    async *events({ ctx, caller, input, signal }) {
      const { encoding, lastEventId, ...rest } = input
      checkEncoding(encoding, ctx.connection)
      // Before anything is started: what was seen of another command is a mistake.
      const seen = seenEvent(lastEventId, rest.command_id ?? '')
      const leave = enter(ctx.services, caller)
      try {
        const request = { ...rest, command_id: rest.command_id }
        const state = await commands.start(request, caller, ctx.traceparent)
        const from = (await afterSeen(commands, caller, state.record.command_id, seen, signal)) ?? 1
        for await (const entry of commands.attend(caller, state, from, subscriber(ctx.connection, signal))) {
          const problem = undelivered(entry.event)
          if (problem) throw problem
          yield wire(entry, encoding)
        }
      } finally {
        leave()
      }
    },
    routes: [executeRoute(services)],
  })
}

export function commandOperations(services: CommandServices & EventRoutesServices & FeedRouteServices) {
  const { commands } = services
  return {
    /** Starts a command that goes on by itself. */
    start: mutation({
      access: 'run.shell',
      input: commandRequestSchema,
      run: async ({ input, caller, traceparent }) => {
        const state = await commands.start(input, caller(), traceparent)
        return { command_id: state.record.command_id }
      },
    }),

    /** The events of any command, from the first or from `from_seq`, live to the end. Throws COMMAND_NOT_FOUND. */
    follow: subscription({
      access: 'commands.view',
      input: followInput,
      async *events({ ctx, caller, input, signal }) {
        checkEncoding(input.encoding, ctx.connection)
        const { command_id } = input
        const seen = seenEvent(input.lastEventId, command_id)
        const from = (await afterSeen(commands, caller, command_id, seen, signal)) ?? input.from_seq
        const leave = enter(ctx.services, caller)
        try {
          const entries = commands.follow(caller, command_id, from, subscriber(ctx.connection, signal))
          for await (const entry of entries) yield wire(entry, input.encoding)
        } finally {
          leave()
        }
      },
      routes: [outputRoute(services), eventsRoute(services), recordingRoute(services), feedRoute(services)],
    }),

    /** One command with its result. Throws COMMAND_NOT_FOUND. */
    get: query({
      access: 'commands.view',
      input: z.object({ command_id: idSchema }),
      run: ({ input, admit, caller }) => detail(services, caller(), { ...input, encoding: 'utf8' }, admit),
      routes: [getRoute(services)],
    }),

    /** The history, newest first, a page at a time. */
    list: query({
      access: 'commands.view',
      input: commandQuerySchema.optional(),
      run: ({ input, admit, caller }) =>
        page(services, caller(), input ?? commandQuerySchema.parse({}), admit),
      routes: [listRoute(services)],
    }),

    /** Asks for a command's end. Throws COMMAND_NOT_FOUND, COMMAND_ENDED. */
    cancel: mutation({
      access: 'run.shell',
      input: z.object({ command_id: idSchema }),
      run: async ({ input, caller }) => {
        await commands.cancel(caller(), input.command_id)
        return { command_id: input.command_id }
      },
      http: derived({
        method: 'POST',
        path: '/commands/{command_id}/cancel',
        id: 'cancelCommand',
        tag: 'commands',
        summary: 'Ask for the end of a command',
        params: commandParams,
        replies: { 202: { description: 'It was asked to end.', content: json('CancelAccepted') } },
        errors: ['COMMAND_NOT_FOUND', 'COMMAND_ENDED', 'UNAVAILABLE'],
        toReply: ({ command_id }: { command_id: string }) => ({ command_id, status: 'cancel_requested' }),
      }),
    }),

    input: inputOperation(services),
  }
}

const WRITE_INPUT = [
  'For a command that was started with `open_stdin`, by the account that started it. Pieces are numbered by the bytes before',
  'them (`offset`), so that one may be sent again: what the agent has taken before is left out.',
  'Answers when the piece is taken, and after 15 seconds at most: `full` says that the command has not read enough, and the next',
  'piece begins at `taken` in any case. One call at a time writes to a command.',
].join(' ')

/**
 * Writes a piece of what a command reads. Throws COMMAND_NOT_FOUND, FORBIDDEN, COMMAND_ENDED, VALIDATION_FAILED, RATE_LIMITED,
 * and AGENT_OFFLINE where no agent has answered.
 */
function inputOperation({ inputs }: CommandServices) {
  return mutation({
    access: 'run.shell',
    input: commandInputSchema,
    run: ({ input, caller, signal }) => inputs.input(caller(), input, signal),
    http: derived({
      method: 'POST',
      path: '/commands/{command_id}/input',
      id: 'writeCommandInput',
      tag: 'commands',
      summary: 'Write to the standard input of a command',
      description: WRITE_INPUT,
      params: commandParams,
      body: { schema: 'InputRequest', type: 'application/json' },
      replies: {
        200: { description: 'How far its input is, as its agent says.', content: json('InputReply') },
      },
      errors: ['COMMAND_NOT_FOUND', 'COMMAND_ENDED', 'AGENT_OFFLINE', 'RATE_LIMITED', 'UNAVAILABLE'],
    }),
  })
}

/** Apart from `list`: its parameters are texts, and a reply that has a next page names it. */
function listRoute(services: CommandServices) {
  return route({
    method: 'GET',
    path: '/commands',
    id: 'listCommands',
    list: true,
    tag: 'commands',
    summary: 'List commands, newest first',
    query: commandParametersSchema,
    replies: {
      200: {
        description:
          'A page of those that fit. One with fewer than `limit` may have a next page all the same.',
        content: json('CommandPage'),
        headers: { Link: 'Where `next_cursor` is not null: the next page, with `rel="next"` (RFC 8288).' },
      },
    },
    errors: ['RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ query, request, reply, admit, caller }) => {
      const found = await page(services, caller(), query, admit)
      if (found.next_cursor !== null)
        reply.header('link', linkToNext(request, found.next_cursor, query.limit))
      return found
    },
  })
}

async function page(
  { commands }: CommandServices,
  actor: Actor,
  query: CommandQuery,
  admit: (bytes: number) => Promise<void>,
) {
  await admit(query.limit * ROW_BYTES)
  return commands.list(actor, query)
}

/** Apart from `get`: its caller says how bytes are written. */
function getRoute(services: CommandServices) {
  return route({
    method: 'GET',
    path: '/commands/{command_id}',
    id: 'getCommand',
    tag: 'commands',
    summary: 'Show one command with its result',
    params: commandParams,
    query: encodingQuerySchema,
    replies: {
      200: {
        description: 'The command; `result` is null until it has ended.',
        content: json('CommandDetail'),
      },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: ({ params, query: { encoding }, admit, caller }) =>
      detail(services, caller(), { ...params, encoding }, admit),
  })
}

async function detail(
  { commands, resultBytes }: CommandServices,
  actor: Actor,
  { command_id, encoding }: { command_id: string; encoding: Encoding },
  admit: (bytes: number) => Promise<void>,
): Promise<CommandDetail> {
  const { record, result } = await commands.get(actor, command_id, (found) =>
    admit(bytesOfResult(found, resultBytes)),
  )
  return { ...record, result: result ? toTextResult(result.result, encoding) : null }
}

/** A subscriber, which is given a page of events once its socket has room: a slow one waits here, and nowhere else. */
function subscriber(connection: Connection, signal: AbortSignal): Subscriber {
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
