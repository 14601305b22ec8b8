import type { Identity } from '../../shared/access/identity.js'
import { type Analysis, type AnalyzeRequest, analyzeRequestSchema } from '../../shared/analysis/analysis.js'
import { agentParams } from '../agents/operations.js'
import type { Agents } from '../agents/registry.js'
import { derived, json, mutation, route } from '../transport/operation.js'
import type { Analyzer } from './analyzer.js'

export type AnalysisServices = { agents: Agents; guard: Analyzer }

/** What a command would do. Nothing runs. Throws AGENT_NOT_FOUND, VALIDATION_FAILED. */
export function analyzeOperation(services: AnalysisServices) {
  return mutation({
    access: 'operator',
    input: analyzeRequestSchema,
    run: ({ input, caller }): Promise<Analysis> => analyzeFor(services, input, caller()),
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
      // An agent that is unknown is said to be, whatever the body.
      await services.agents.find(agent_id)
      return analyzeFor(services, { ...body(), agent_id }, caller())
    },
  })
}

const ANALYSIS = {
  description: 'What the rules, and a model if there is one, say.',
  content: json('Analysis'),
}

/** The machine is described by its agent, where one is named and nothing else describes it. */
async function analyzeFor(
  { agents, guard }: AnalysisServices,
  { command, agent_id, system, context }: AnalyzeRequest,
  { username }: Identity,
): Promise<Analysis> {
  const info = agent_id === undefined ? undefined : (await agents.find(agent_id)).agent_info
  const machine = system ?? (info && `${info.platform} ${info.version}`)
  return guard.analyze(
    {
      command,
      ...(agent_id === undefined ? {} : { agent_id }),
      ...(machine === undefined ? {} : { system: machine }),
      ...(context === undefined ? {} : { context }),
    },
    { account: username },
  )
}
