import { z } from 'zod'
import type { StreamName } from '../../shared/commands/event.js'
import { isOutput, toTextEvent } from '../../shared/commands/event-text.js'
import { encodingQuerySchema, outputQuerySchema } from '../../shared/commands/output-query.js'
import type { Encoding } from '../../shared/commands/request.js'
import type { Entry } from '../journal/port.js'
import type { AnswerMemory } from '../transport/answer-memory.js'
import { sendLive } from '../transport/http/request.js'
import { route } from '../transport/http/route.js'
import { checkSeen, seenEvent } from './seen-event.js'
import { type Room, sendEvents, textInRoom } from './server-sent-events.routes.js'
import type { Commands } from './service.js'

/** Of a path: an id that cannot be is unknown like any other. */
export const commandParams = z.object({ command_id: z.string().max(128).describe('The id of the command.') })

export type EventRoutesServices = { commands: Commands; answers: AnswerMemory }

export function outputRoute({ commands }: EventRoutesServices) {
  return route({
    method: 'GET',
    path: '/commands/{command_id}/output',
    id: 'getOutput',
    tag: 'commands',
    summary: 'Stream every byte that a command wrote to one stream',
    description: 'Live while it runs: the reply ends when the command does.',
    live: true,
    params: commandParams,
    query: outputQuerySchema,
    replies: {
      200: {
        description: 'The bytes.',
        content: { 'application/octet-stream': { plain: 'binary', example: 'line 1\nline 2\n' } },
      },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ params: { command_id }, query: { stream }, request, reply, caller, signal }) => {
      await commands.position(caller(), command_id)
      const entries = commands.follow(caller(), command_id, 1, { signal: signal() })
      return sendLive(request, reply.type('application/octet-stream'), outputBytes(entries, stream))
    },
  })
}

const eventHeaders = z.object({
  'Last-Event-ID': z
    .string()
    .optional()
    .describe('The `id` of the event seen last: the stream goes on after it.'),
})

export function eventsRoute({ commands, answers }: EventRoutesServices) {
  return route({
    method: 'GET',
    path: '/commands/{command_id}/events',
    id: 'getEvents',
    tag: 'commands',
    summary: 'Stream the events of a command',
    description: [
      'Server-sent events: `event` is the type, `id` the number of the event, `data` a `CommandEvent` as JSON.',
      'Live while the command runs; the result comes last.',
    ].join(' '),
    live: true,
    params: commandParams,
    query: encodingQuerySchema,
    headers: eventHeaders,
    replies: {
      200: { description: 'The events.', content: { 'text/event-stream': 'CommandEvent' } },
      204: { description: 'All of them were seen: do not connect again.' },
    },
    errors: ['COMMAND_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ params: { command_id }, query: { encoding }, request, reply, caller, signal }) => {
      const seen = lastSeen(request.headers['last-event-id'], command_id)
      const gone = signal()
      const { record, ended, last_seq } = await commands.positionAt(caller(), command_id, seen, gone)
      checkSeen(seen, command_id, last_seq, LAST_EVENT_ID)
      // 204 tells an EventSource that there is no more to come; any other end makes it connect again.
      if (ended !== undefined && seen >= ended) return reply.status(204).send()
      const entries = commands.follow(caller(), record.command_id, seen + 1, { signal: gone })
      const call = { request, reply, answers, username: caller().name }
      return sendEvents(call, (room) => eventTexts(entries, encoding, room))
    },
  })
}

const LAST_EVENT_ID = ['header', 'Last-Event-ID']

/** The number of the event that a client saw last; 0 for none. */
function lastSeen(header: string | string[] | undefined, command_id: string): number {
  const id = Array.isArray(header) ? header.at(-1) : header
  if (id === undefined || id === '') return 0
  const whole = id.includes(':') ? id : `${command_id}:${id}`
  return seenEvent(whole, command_id, LAST_EVENT_ID) ?? 0
}

async function* outputBytes(entries: AsyncIterable<Entry>, stream: StreamName): AsyncGenerator<Uint8Array> {
  for await (const { event } of entries) {
    if (isOutput(event) && event.stream === stream) yield event.data
  }
}

async function* eventTexts(
  entries: AsyncIterable<Entry>,
  encoding: Encoding,
  room: Room,
): AsyncGenerator<string> {
  // A result is unread until the reply is over: it is the last of the events.
  for await (const entry of entries) yield textInRoom(entry.event, () => eventText(entry, encoding), room)
}

function eventText({ seq, event }: Entry, encoding: Encoding): string {
  return `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toTextEvent(event, encoding))}\n\n`
}
