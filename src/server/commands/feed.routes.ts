import { z } from 'zod'
import { toTextEvent } from '../../shared/commands/event-text.js'
import { encodingQuerySchema } from '../../shared/commands/output-query.js'
import { type Encoding, idSchema } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import type { AnswerMemory } from '../transport/answer-memory.js'
import { route } from '../transport/http/route.js'
import { type EventFeed, type FeedEvent, feedTypes } from './feed.js'
import { type Room, sendEvents, textInRoom } from './server-sent-events.routes.js'

/** Values of one parameter. */
const MAX_VALUES = 100

/** A parameter that may be given again: one value is a list of one. */
const listOf = <Item extends z.ZodType>(item: Item, says: string) =>
  z
    .preprocess((value) => [value].flat(), z.array(item).max(MAX_VALUES))
    .optional()
    .describe(`${says} It may be given again, up to ${MAX_VALUES} times.`)

const feedQuerySchema = encodingQuerySchema.extend({
  agent: listOf(idSchema, 'Events of this agent and its commands alone.'),
  command: listOf(idSchema, 'Events of this command alone, which need not exist yet; none of agents.'),
  type: listOf(z.enum(feedTypes), 'Events of this type alone.'),
})

export type FeedRouteServices = { feed: EventFeed; answers: AnswerMemory }

/** The events of the original system for clients that speak no tRPC and open no WebSocket. */
export function feedRoute({ feed, answers }: FeedRouteServices) {
  return route({
    method: 'GET',
    path: '/events',
    id: 'streamEvents',
    tag: 'commands',
    summary: 'Stream the events of all commands and agents',
    description: [
      'Server-sent events from now on: `event` is the type, `data` a `FeedEvent` as JSON. The comment `: connected` says that from',
      'there on none is missed. Events have no `id`, and `Last-Event-ID` has no meaning: after a lost connection, the events of a',
      'command are at `/commands/{command_id}/events`. A feed whose reader falls too far behind ends with a comment that says so.',
    ].join(' '),
    live: true,
    query: feedQuerySchema,
    replies: { 200: { description: 'The events.', content: { 'text/event-stream': 'FeedEvent' } } },
    errors: ['UNAVAILABLE'],
    handle: ({ query: { encoding, ...filter }, request, reply, caller, signal, subscribe }) => {
      const events = feed.open(caller(), filter, { signal: signal(), subscribe })
      const call = { request, reply, answers, username: caller().name }
      return sendEvents(call, (room) => feedTexts(events, encoding, room))
    },
  })
}

async function* feedTexts(
  events: AsyncGenerator<FeedEvent>,
  encoding: Encoding,
  room: Room,
): AsyncGenerator<string> {
  try {
    for await (const event of events) {
      yield textInRoom(event, () => textOf(event, encoding), room)
      // The stream asks for more: most of it has left.
      room.unread.set(0)
    }
  } catch (error) {
    // The headers have left: a comment is all that can still say why. Other errors end the connection.
    if (!(error instanceof OgentError)) throw error
    yield `: ended: ${error.message}\n\n`
  }
}

function textOf(event: FeedEvent, encoding: Encoding): string {
  if (event.type === 'opened') return ': connected\n\n'
  const data = 'agent' in event ? event : toTextEvent(event, encoding)
  return `event: ${event.type}\ndata: ${JSON.stringify(data)}\n\n`
}
