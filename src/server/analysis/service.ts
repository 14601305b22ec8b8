import type { Analysis, AnalyzeRequest } from '../../shared/analysis/analysis.js'
import type { Agents } from '../agents/registry.js'
import type { Actor } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import type { Analyzer } from './analyzer.js'

export type AnalysisServiceOptions = { agents: Agents; analyzer: Analyzer; policy: Policy }

/** Says what a command would do, for an actor. */
export class AnalysisService {
  readonly #options: AnalysisServiceOptions

  constructor(options: AnalysisServiceOptions) {
    this.#options = options
  }

  /**
   * Where an agent is named and nothing else describes the machine, the agent does. Throws FORBIDDEN, AGENT_NOT_FOUND,
   * VALIDATION_FAILED.
   */
  async analyze(actor: Actor, request: AnalyzeRequest): Promise<Analysis> {
    const { agents, analyzer, policy } = this.#options
    const { command, agent_id, system, context } = request
    policy.authorize(actor, 'run.shell', agent_id === undefined ? {} : { agent_id })
    const info = agent_id === undefined ? undefined : (await agents.find(agent_id)).agent_info
    const machine = system ?? (info && `${info.platform} ${info.version}`)
    return analyzer.analyze(
      {
        command,
        ...(agent_id === undefined ? {} : { agent_id }),
        ...(machine === undefined ? {} : { system: machine }),
        ...(context === undefined ? {} : { context }),
      },
      { account: actor.name },
    )
  }
}
