import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { withTimeout } from '../../shared/async/timeout.js'
import type { RawResultEvent } from '../../shared/commands/event.js'
import { toTextEvent } from '../../shared/commands/event-text.js'
import { type Encoding, idSchema, type ParsedCommandRequest } from '../../shared/commands/request.js'
import { agentParams } from '../agents/operations.js'
import type { AgentService } from '../agents/service.js'
import type { CommandState, Entry } from '../journal/port.js'
import { type AnswerMemory, bytesOfEvent, bytesOfResult, isLarge } from '../transport/answer-memory.js'
import { httpAnswer } from '../transport/http/answers.js'
import { orQuiet, QUIET } from '../transport/http/keep-alive.js'
import { parse, sendLive, traceOf } from '../transport/http/request.js'
import { json, route } from '../transport/http/route.js'
import { undelivered } from './outcome.js'
import type { Commands } from './service.js'

/** A command that takes longer than this, in ms, has the headers of its reply sent before its end. */
const QUICK_MS = 5000

const executeHeaders = z.object({
  Prefer: z.literal('respond-async').optional().describe('Answer at once with 202, and let the command run.'),
  'Idempotency-Key': idSchema
    .optional()
    .describe('Becomes the `command_id`: a known one is followed, not started again.'),
  traceparent: z
    .string()
    .optional()
    .describe('The trace that the command is to be part of (W3C Trace Context).'),
})

export type ExecuteRouteServices = {
  agents: AgentService
  commands: Commands
  answers: AnswerMemory
  /** Bytes of one stream that a result may hold. */
  resultBytes: number
}

/** Runs a command and answers with its result. */
export function executeRoute(services: ExecuteRouteServices) {
  return route({
    method: 'POST',
    path: '/agents/{agent_id}/execute',
    id: 'execute',
    tag: 'agents',
    summary: 'Run a command on an agent',
    description: [
      'Answers once the command has ended, with 200 regardless of its exit code; `status` says how it went.',
      'With `Prefer: respond-async` it answers at once, and the command goes on by itself.',
    ].join(' '),
    live: true,
    params: agentParams,
    headers: executeHeaders,
    body: { schema: 'ExecuteRequest', type: 'application/json' },
    replies: {
      200: { description: 'How the command ended.', content: json('CommandOutcome') },
      202: {
        description: 'It was taken (`Prefer: respond-async`).',
        content: json('CommandAccepted'),
        headers: { Location: 'Where to look for it.', 'Preference-Applied': 'respond-async' },
      },
    },
    errors: [
      'COMMAND_REFUSED',
      'AGENT_NOT_FOUND',
      'AGENT_OFFLINE',
      'TARGET_UNAVAILABLE',
      'COMMAND_ID_TAKEN',
      'RATE_LIMITED',
      'AGENT_BUSY',
      'UNAVAILABLE',
    ],
    handle: async ({ params: { agent_id }, body, request, reply, caller, signal }) => {
      // An id that cannot be is unknown like any other: 404, not a complaint about its letters.
      await services.agents.get(caller(), agent_id)
      const command = withKey({ ...body(), agent_id }, request.headers['idempotency-key'])
      const state = await services.commands.start(command, caller(), traceOf(request))
      const { command_id } = state.record
      if (wantsAsync(request)) return sendAccepted(reply, command_id)
      reply.header('content-location', `/commands/${command_id}`)
      const events = services.commands.attend(caller(), state, state.result_seq ?? 1, { signal: signal() })
      const encoding = command.encoding ?? 'utf8'
      const toJson = await resultWriter(services, {
        request,
        reply,
        account: caller().name,
        state,
        encoding,
      })
      return sendResult(request, reply, events, toJson)
    },
  })
}

type Reply = {
  request: FastifyRequest
  reply: FastifyReply
  account: string
  state: CommandState
  encoding: Encoding
}

/** What makes JSON of the result, once there is memory for it; of a command that has ended, memory is there before. */
async function resultWriter(
  { answers, resultBytes }: ExecuteRouteServices,
  { request, reply, account, state, encoding }: Reply,
): Promise<(event: RawResultEvent) => Promise<string>> {
  const answer = httpAnswer(answers, request, reply)
  const ended = state.result_seq !== undefined
  if (ended) await answer.admit(account, bytesOfResult(state.record, resultBytes))
  return async (event) => {
    if (!ended && isLarge(event)) await answer.admit(account, bytesOfEvent(event))
    const text = JSON.stringify(toTextEvent(event, encoding))
    answer.sent(text)
    return text
  }
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
  let onStarted = () => {}
  const started = new Promise<void>((resolve) => {
    onStarted = resolve
  })
  const result = resultOf(events, toJson, () => onStarted())
  // A client that has gone gets no answer.
  result.catch(() => {})
  const orStarted = () => Promise.race([result, started.then((): typeof QUIET => QUIET)])
  const first = await withTimeout(result, QUICK_MS, orStarted)
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

function withKey(command: ParsedCommandRequest, key: string | string[] | undefined): ParsedCommandRequest {
  if (key === undefined) return command
  const named = parse(z.object({ 'Idempotency-Key': idSchema }), { 'Idempotency-Key': key }, 'header')
  return { ...command, command_id: named['Idempotency-Key'] }
}

/** RFC 7240: the client would rather not wait. */
function wantsAsync(request: FastifyRequest): boolean {
  const prefer = [request.headers.prefer ?? []].flat().join(',')
  // Quoted values may hold what parts preferences; none of them matters here.
  const preferences = prefer.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""').split(',')
  // An empty value is as good as none, and so are parameters that no standard defines.
  return preferences.some((one) => /^\s*respond-async\s*(=\s*(""\s*)?)?(;|$)/i.test(one))
}

function sendAccepted(reply: FastifyReply, command_id: string) {
  return reply
    .status(202)
    .header('location', `/commands/${command_id}`)
    .header('preference-applied', 'respond-async')
    .send({ command_id, status: 'pending' })
}
