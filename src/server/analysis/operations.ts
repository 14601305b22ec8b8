import { analyzeRequestSchema } from '../../shared/analysis/analysis.js'
import { agentParams } from '../agents/operations.js'
import type { AgentService } from '../agents/service.js'
import { derived, json, mutation, route } from '../transport/operation.js'
import type { AnalysisService } from './service.js'

export type AnalysisServices = { agents: AgentService; analysis: AnalysisService }

/** What a command would do. Nothing runs. Throws AGENT_NOT_FOUND, VALIDATION_FAILED. */
export function analyzeOperation(services: AnalysisServices) {
  return mutation({
    access: 'run.shell',
    input: analyzeRequestSchema,
    run: ({ input, caller }) => services.analysis.analyze(caller(), input),
    http: derived({
      method: 'POST',
      path: '/agents/analyze',
      id: 'analyze',
      tag: 'agents',
      summary: 'Say what a command would do, without running it',
      body: { schema: 'AnalyzeRequest', type: 'application/json' },
      replies: { 200: ANALYSIS },
      errors: [],
    }),
    routes: [analyzeForAgentRoute(services)],
  })
}

function analyzeForAgentRoute(services: AnalysisServices) {
  return route({
    method: 'POST',
    path: '/agents/{agent_id}/analyze',
    id: 'analyzeForAgent',
    tag: 'agents',
    summary: 'Say what a command would do on this agent, without running it',
    params: agentParams,
    body: { schema: 'AnalyzeRequest', type: 'application/json' },
    replies: { 200: ANALYSIS },
    errors: ['AGENT_NOT_FOUND', 'UNAVAILABLE'],
    handle: async ({ params: { agent_id }, body, caller }) => {
      // An unknown agent is reported as such, even where the body is invalid.
      await services.agents.get(caller(), agent_id)
      return services.analysis.analyze(caller(), { ...body(), agent_id })
    },
  })
}

const ANALYSIS = {
  description: 'What the rules, and a model if there is one, say.',
  content: json('Analysis'),
}
