import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { type Analysis, analyzeBodySchema } from '../../shared/analysis/analysis.js'
import { callerOf, parse } from '../transport/http/request.js'
import { type AnalysisServices, analyzeFor } from './operations.js'

const agentParams = z.object({ agent_id: z.string() })

/** What a command would do: on some machine, or on that of one agent. */
export function registerAnalyzeRoutes(app: FastifyInstance, services: AnalysisServices): void {
  const operator = { config: { access: 'operator' } } as const

  // A path of its own goes before one with a place in it: an agent named analyze is in nobody's way.
  app.post('/agents/analyze', operator, async (request): Promise<Analysis> => {
    return analyzeFor(services, parse(analyzeBodySchema, request.body, 'body'), callerOf(request))
  })

  app.post('/agents/:agent_id/analyze', operator, async (request): Promise<Analysis> => {
    const { agent_id } = parse(agentParams, request.params, 'path')
    await services.agents.look(agent_id)
    const asked = { ...parse(analyzeBodySchema, request.body, 'body'), agent_id }
    return analyzeFor(services, asked, callerOf(request))
  })
}
