import type { Identity } from '../../shared/access/identity.js'
import { type Analysis, type AnalyzeRequest, analyzeRequestSchema } from '../../shared/analysis/analysis.js'
import type { Agents } from '../agents/registry.js'
import { mustKnow, procedure } from '../transport/trpc/trpc.js'
import type { Analyzer } from './analyzer.js'

export type AnalysisServices = { agents: Agents; guard: Analyzer }

/** What a command would do. Nothing runs. Throws AGENT_NOT_FOUND, VALIDATION_FAILED. */
export function analyzeOperation(services: AnalysisServices) {
  return procedure('operator')
    .input(analyzeRequestSchema)
    .mutation(({ ctx, input }): Promise<Analysis> => analyzeFor(services, input, mustKnow(ctx.caller)))
}

/** The machine is described by its agent, where one is named and nobody describes it. */
export async function analyzeFor(
  { agents, guard }: AnalysisServices,
  { command, agent_id, system, context }: AnalyzeRequest,
  { username }: Identity,
): Promise<Analysis> {
  const info = agent_id === undefined ? undefined : (await agents.look(agent_id)).agent_info
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
