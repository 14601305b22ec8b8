import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { type Analysis, analyzeBodySchema } from '../../shared/analysis.js'
import { executeBodySchema, idSchema, type ParsedCommandRequest } from '../../shared/command.js'
import { toTextEvent } from '../../shared/event.js'
import { undelivered } from '../core/outcome.js'
import { analyzeFor } from './analyze-router.js'
import { callerOf, goneSignal, parse } from './rest-request.js'
import type { Services } from './trpc.js'

const agentParams = z.object({ agent_id: z.string() })

/** `/agents…`: who is there, and running a command on one of them. */
export function registerAgentRoutes(app: FastifyInstance, services: Services): void {
  const live = { config: { access: 'operator', live: true } } as const
  app.get('/agents', { config: { access: 'viewer' } }, async () => services.agents.list())

  app.get('/agents/:agent_id', { config: { access: 'viewer' } }, async (request) => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    return services.agents.look(agent_id)
  })

  app.post('/agents/:agent_id/execute', live, async (request, reply) => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    // An id that cannot be is unknown like any other: 404, not a complaint about its letters.
    await services.agents.look(agent_id)
    const command = toRequest(agent_id, request)
    const head = await services.commands.start(command, callerOf(request), traceOf(request))
    const { command_id } = head.record
    if (wantsAsync(request)) return sendAccepted(reply, command_id)
    const encoding = command.encoding ?? 'utf8'
    for await (const { event } of services.commands.attend(head, head.result_seq ?? 1, {
      signal: goneSignal(reply),
    })) {
      const problem = undelivered(event)
      if (problem) throw problem
      if (event.type === 'command_result') return toTextEvent(event, encoding)
    }
    throw new Error(`the journal of ${command_id} ended without a result`)
  })

  registerAnalyzeRoutes(app, services)
}

/** What a command would do: on some machine, or on that of one agent. */
function registerAnalyzeRoutes(app: FastifyInstance, services: Services): void {
  const operator = { config: { access: 'operator' } } as const

  // A path of its own goes before one with a place in it: an agent named analyze is in nobody's way.
  app.post('/agents/analyze', operator, async (request): Promise<Analysis> => {
    return analyzeFor(services, parse(analyzeBodySchema, request.body, 'body'))
  })

  app.post('/agents/:agent_id/analyze', operator, async (request): Promise<Analysis> => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    await services.agents.look(agent_id)
    return analyzeFor(services, { ...parse(analyzeBodySchema, request.body, 'body'), agent_id })
  })
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
