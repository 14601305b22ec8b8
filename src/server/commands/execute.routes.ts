import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type RawResultEvent, toTextEvent } from '../../shared/commands/event.js'
import { executeBodySchema, idSchema, type ParsedCommandRequest } from '../../shared/commands/request.js'
import type { Agents } from '../agents/registry.js'
import type { Entry } from '../journal/port.js'
import { bytesOfEvent, bytesOfResult, isLarge } from '../transport/answer-memory.js'
import { httpAnswer } from '../transport/http/answers.js'
import { orQuiet, QUIET } from '../transport/http/keep-alive.js'
import { callerOf, goneSignal, parse, sendLive } from '../transport/http/request.js'
import { undelivered } from './outcome.js'
import type { CommandRoutesServices } from './routes.js'

/** A command that takes longer than this, in ms, has the headers of its reply sent before its end. */
const QUICK_MS = 5000

const agentParams = z.object({ agent_id: z.string() })

/** `/agents/{id}/execute`: runs a command and answers with its result. */
export function registerExecuteRoute(
  app: FastifyInstance,
  { agents, commands, answers, resultBytes }: CommandRoutesServices & { agents: Agents },
): void {
  const live = { config: { access: 'operator', live: true } } as const
  app.post('/agents/:agent_id/execute', live, async (request, reply) => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    // An id that cannot be is unknown like any other: 404, not a complaint about its letters.
    await agents.look(agent_id)
    const command = toRequest(agent_id, request)
    const head = await commands.start(command, callerOf(request), traceOf(request))
    const { command_id } = head.record
    if (wantsAsync(request)) return sendAccepted(reply, command_id)
    reply.header('content-location', `/commands/${command_id}`)
    const answer = httpAnswer(answers, request, reply)
    const { username } = callerOf(request)
    const ended = head.result_seq !== undefined
    if (ended) await answer.admit(username, bytesOfResult(head.record, resultBytes))
    const admit = async (event: RawResultEvent) => {
      if (!ended && isLarge(event)) await answer.admit(username, bytesOfEvent(event))
    }
    const events = commands.attend(head, head.result_seq ?? 1, { signal: goneSignal(reply) })
    const toJson = async (event: RawResultEvent) => {
      await admit(event)
      const json = JSON.stringify(toTextEvent(event, command.encoding ?? 'utf8'))
      answer.sent(json)
      return json
    }
    return sendResult(request, reply, events, toJson)
  })
}

/**
 * The result as JSON. Of a command that runs for longer the headers leave meanwhile, and blanks before the JSON, which
 * JSON may have: proxies and clients give up what is silent. Before it runs, the reply may still become an error.
 */
async function sendResult(
  request: FastifyRequest,
  reply: FastifyReply,
  events: AsyncIterable<Entry>,
  toJson: (event: RawResultEvent) => Promise<string>,
) {
  let timer: NodeJS.Timeout | undefined
  const longRunning = new Promise<typeof QUIET>((resolve) => {
    timer = setTimeout(() => resolve(QUIET), QUICK_MS)
  })
  let onStarted = () => {}
  const started = new Promise<void>((resolve) => {
    onStarted = resolve
  })
  const result = resultOf(events, toJson, () => onStarted())
  // A client that has gone is told nothing.
  result.catch(() => {})
  const first = await Promise.race([result, started.then(() => longRunning)])
  clearTimeout(timer)
  reply.type('application/json; charset=utf-8')
  if (first !== QUIET) return first
  return sendLive(request, reply, afterBlanks(result))
}

async function resultOf(
  events: AsyncIterable<Entry>,
  toJson: (event: RawResultEvent) => Promise<string>,
  onStarted: () => void,
): Promise<string> {
  for await (const { event } of events) {
    const problem = undelivered(event)
    if (problem) throw problem
    if (event.type === 'command_progress' && event.state === 'started') onStarted()
    if (event.type === 'command_result') return toJson(event)
  }
  throw new Error('the journal of a command ended without a result')
}

async function* afterBlanks(result: Promise<string>): AsyncGenerator<string> {
  while (true) {
    yield ' '
    const item = await orQuiet(result)
    if (item === QUIET) continue
    yield item
    return
  }
}

function toRequest(agent_id: string, request: FastifyRequest): ParsedCommandRequest {
  const body = parse(executeBodySchema, request.body, 'body')
  const key = request.headers['idempotency-key']
  if (key === undefined) return { ...body, agent_id }
  const named = parse(z.object({ 'Idempotency-Key': idSchema }), { 'Idempotency-Key': key }, 'header')
  return { ...body, agent_id, command_id: named['Idempotency-Key'] }
}

/** W3C Trace Context. */
function traceOf(request: FastifyRequest): string | undefined {
  const { traceparent } = request.headers
  return Array.isArray(traceparent) ? undefined : traceparent
}

/** RFC 7240: the client would rather not wait. */
function wantsAsync(request: FastifyRequest): boolean {
  const prefer = [request.headers.prefer ?? []].flat().join(',')
  // Quoted values may hold what parts preferences; none of them matters here.
  const preferences = prefer.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').split(',')
  // An empty value is as good as none, and so are parameters that nobody has defined.
  return preferences.some((one) => /^\s*respond-async\s*(=\s*(""\s*)?)?(;|$)/i.test(one))
}

function sendAccepted(reply: FastifyReply, command_id: string) {
  return reply
    .status(202)
    .header('location', `/commands/${command_id}`)
    .header('preference-applied', 'respond-async')
    .send({ command_id, status: 'pending' })
}
