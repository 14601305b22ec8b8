import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { isOutput, type StreamName, toTextEvent, toTextResult } from '../../shared/commands/event.js'
import { encodingQuerySchema, outputQuerySchema } from '../../shared/commands/output-query.js'
import { type CommandDetail, commandQuerySchema } from '../../shared/commands/record.js'
import type { Encoding } from '../../shared/commands/request.js'
import type { Entry } from '../journal/port.js'
import type { AnswerMemory } from '../transport/answer-memory.js'
import { bytesOfEvent, bytesOfResult, isLarge, ROW_BYTES, type Unread } from '../transport/answer-memory.js'
import { httpAnswer } from '../transport/http/answers.js'
import { orQuiet, QUIET } from '../transport/http/keep-alive.js'
import { callerOf, goneSignal, parse, sendLive } from '../transport/http/request.js'
import { checkSeen, seenEvent } from './operations.js'
import type { Commands } from './service.js'

const commandParams = z.object({ command_id: z.string().max(128) })

export type CommandRoutesServices = {
  commands: Commands
  answers: AnswerMemory
  /** Bytes of one stream that a result may hold. */
  resultBytes: number
}

/** `/commands…`: the history, and one command's result, output and events. */
export function registerCommandRoutes(app: FastifyInstance, services: CommandRoutesServices): void {
  const { commands } = services
  const viewer = { config: { access: 'viewer' } } as const
  const live = { config: { access: 'viewer', live: true } } as const

  const admit = (request: FastifyRequest, reply: FastifyReply, bytes: number) =>
    httpAnswer(services.answers, request, reply).admit(callerOf(request).username, bytes)

  app.get('/commands', viewer, async (request, reply) => {
    const query = parse(commandQuerySchema, request.query, 'query')
    await admit(request, reply, query.limit * ROW_BYTES)
    return commands.list(query)
  })

  app.get('/commands/:command_id', viewer, async (request, reply): Promise<CommandDetail> => {
    const { command_id } = parse(commandParams, request.params, 'path')
    const { encoding } = parse(encodingQuerySchema, request.query, 'query')
    const { record, result } = await commands.get(command_id, (found) =>
      admit(request, reply, bytesOfResult(found, services.resultBytes)),
    )
    return { ...record, result: result ? toTextResult(result.result, encoding) : null }
  })

  app.get('/commands/:command_id/output', live, async (request, reply) => {
    const { command_id } = parse(commandParams, request.params, 'path')
    const { stream } = parse(outputQuerySchema, request.query, 'query')
    await commands.standing(command_id)
    const entries = commands.follow(command_id, 1, { signal: goneSignal(reply) })
    return sendLive(request, reply.type('application/octet-stream'), outputBytes(entries, stream))
  })

  app.get('/commands/:command_id/events', live, async (request, reply) => {
    const { command_id } = parse(commandParams, request.params, 'path')
    const { encoding } = parse(encodingQuerySchema, request.query, 'query')
    const seen = lastSeen(request.headers['last-event-id'], command_id)
    const gone = goneSignal(reply)
    const { record, ended, last_seq } = await commands.standingAt(command_id, seen, gone)
    checkSeen(seen, command_id, last_seq, LAST_EVENT_ID)
    // 204 tells an EventSource that there is no more to come; any other end makes it connect again.
    if (ended !== undefined && seen >= ended) return reply.status(204).send()
    reply.type('text/event-stream; charset=utf-8')
    const entries = commands.follow(record.command_id, seen + 1, { signal: gone })
    const unread = services.answers.unread(callerOf(request).username, () => reply.raw.destroy())
    reply.raw.once('close', () => unread.set(0))
    const build = (bytes: number) => services.answers.build(callerOf(request).username, bytes)
    return sendLive(request, reply, withComments(serverSentEvents(entries, encoding, { build, unread })))
  })

  app.post('/commands/:command_id/cancel', { config: { access: 'operator' } }, async (request, reply) => {
    const { command_id } = parse(commandParams, request.params, 'path')
    await commands.cancel(command_id, callerOf(request))
    return reply.status(202).send({ command_id, status: 'cancel_requested' })
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

type Room = { build: (bytes: number) => Promise<() => void>; unread: Unread }

async function* serverSentEvents(
  entries: AsyncIterable<Entry>,
  encoding: Encoding,
  { build, unread }: Room,
): AsyncGenerator<string> {
  for await (const entry of entries) {
    const { event } = entry
    if (event.type !== 'command_result' || !isLarge(event)) {
      yield eventText(entry, encoding)
      continue
    }
    const leave = await build(bytesOfEvent(event))
    const text = eventText(entry, encoding)
    leave()
    // Until the reply is over: a result is the last of its events.
    unread.set(text.length)
    yield text
  }
}

function eventText({ seq, event }: Entry, encoding: Encoding): string {
  return `id: ${seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toTextEvent(event, encoding))}\n\n`
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
