import type { Identity } from '../../shared/access/identity.js'
import { type Analysis, type AnalyzeRequest, analyzeRequestSchema } from '../../shared/analysis/analysis.js'
import { mustKnow, procedure, type Services } from '../transport/trpc/trpc.js'

/** What a command would do. Nothing runs. Throws AGENT_NOT_FOUND, VALIDATION_FAILED. */
export const analyze = procedure('operator')
  .input(analyzeRequestSchema)
  .mutation(({ ctx, input }): Promise<Analysis> => analyzeFor(ctx.services, input, mustKnow(ctx.caller)))

/** The machine is described by its agent, where one is named and nobody describes it. */
export async function analyzeFor(
  { agents, guard }: Services,
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
