import type { FastifyReply, FastifyRequest } from 'fastify'
import { type AnswerMemory, bytesOfEvent, isLarge, type Unread } from '../transport/answer-memory.js'
import { orQuiet, QUIET } from '../transport/http/keep-alive.js'
import { sendLive } from '../transport/http/request.js'
import type { FeedEvent } from './feed.js'

/** Where the text of a large event is made, and counted until it is read. */
export type Room = { build: (bytes: number) => Promise<() => void>; unread: Unread }

export type EventsCall = {
  request: FastifyRequest
  reply: FastifyReply
  answers: AnswerMemory
  /** Whose memory the events take. */
  username: string
}

/** Sends what `texts` makes as server-sent events, with a comment whenever it is quiet for long. */
export function sendEvents(
  { request, reply, answers, username }: EventsCall,
  texts: (room: Room) => AsyncGenerator<string>,
) {
  const unread = answers.unread(username, () => reply.raw.destroy())
  reply.raw.once('close', () => unread.set(0))
  const build = (bytes: number) => answers.build(username, bytes)
  reply.type('text/event-stream; charset=utf-8')
  return sendLive(request, reply, withComments(texts({ build, unread })))
}

/** The text of an event; that of a large result is made when there is room for it, and is unread from then on. */
export async function textInRoom(
  event: FeedEvent,
  textOf: () => string,
  { build, unread }: Room,
): Promise<string> {
  if (event.type !== 'command_result' || !isLarge(event)) return textOf()
  const leave = await build(bytesOfEvent(event))
  const text = textOf()
  leave()
  unread.set(text.length)
  return text
}

/** The source, with a comment whenever it is quiet for long. */
async function* withComments(source: AsyncGenerator<string>): AsyncGenerator<string> {
  try {
    let next = source.next()
    while (true) {
      const item = await orQuiet(next)
      if (item === QUIET) {
        yield ': quiet\n\n'
        continue
      }
      if (item.done) return
      yield item.value
      next = source.next()
    }
  } finally {
    await source.return(undefined)
  }
}
