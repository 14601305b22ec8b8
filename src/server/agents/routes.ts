import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { agentQuerySchema } from '../../shared/agents/agent.js'
import { AGENT_BYTES, type AnswerMemory } from '../transport/answer-memory.js'
import { httpAnswer } from '../transport/http/answers.js'
import { callerOf, parse } from '../transport/http/request.js'
import type { Agents } from './registry.js'

const agentParams = z.object({ agent_id: z.string() })

/** `/agents…`: the machines. */
export function registerAgentRoutes(
  app: FastifyInstance,
  { agents, answers }: { agents: Agents; answers: AnswerMemory },
): void {
  app.get('/agents', { config: { access: 'viewer' } }, async (request, reply) => {
    const { cursor, limit } = parse(agentQuerySchema, request.query, 'query')
    const page = agents.list(cursor, limit)
    await httpAnswer(answers, request, reply).admit(
      callerOf(request).username,
      page.agents.length * AGENT_BYTES,
    )
    if (page.next !== undefined) {
      const query = new URLSearchParams({ cursor: page.next, limit: String(limit) })
      reply.header('link', `</agents?${query}>; rel="next"`)
    }
    return page.agents
  })

  app.delete('/agents/:agent_id', { config: { access: 'admin' } }, async (request, reply) => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    await agents.forget(agent_id)
    return reply.status(204).send()
  })

  app.get('/agents/:agent_id', { config: { access: 'viewer' } }, async (request) => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    return agents.look(agent_id)
  })
}
