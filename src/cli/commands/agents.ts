import type { AgentFilter } from '../../shared/agents/query.js'
import { parseSelector } from '../../shared/agents/selector/parser.js'
import { OgentError } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'
import { write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

export type AgentsFlags = ConnectionFlags & {
  selector?: string
  status?: AgentFilter['status']
  search?: string
  limit?: number
  json?: boolean
}

/** `ogent agents`: the agents that are known, or those that match. */
export async function agentsCommand(selector: string | undefined, flags: AgentsFlags): Promise<number> {
  const filter = filterOf(selector, flags)
  const ogent = await connect(flags)
  try {
    const agents = await ogent.agents.list(filter)
    if (flags.json) {
      for (const agent of agents) await writeJson(agent)
      return 0
    }
    const rows = agents.map(({ agent_id, status, hostname, agent_info, labels }) => [
      agent_id,
      status,
      hostname,
      `${agent_info.platform} ${agent_info.version}`,
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    ])
    await write(process.stdout, table([['AGENT', 'STATUS', 'HOST', 'SYSTEM', 'LABELS'], ...rows]))
    return 0
  } finally {
    await ogent.close()
  }
}

function filterOf(
  argument: string | undefined,
  { selector: option, status, search, limit }: AgentsFlags,
): AgentFilter {
  if (argument !== undefined && option !== undefined) {
    throw new UsageError('one selector, please: after agents, or by --selector')
  }
  const selector = argument ?? option
  if (selector !== undefined) checkSelector(selector)
  return { selector, status, q: search, limit }
}

/** Refuses a text here as the controller would, without asking it. */
function checkSelector(text: string): void {
  try {
    parseSelector(text)
  } catch (error) {
    if (error instanceof OgentError) throw new UsageError(error.message)
    throw error
  }
}

/** `ogent agents forget`: no more trace of agents that are gone for good. */
export async function forgetCommand(ids: string[], flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const agent_id of ids) await ogent.agents.forget(agent_id)
    return 0
  } finally {
    await ogent.close()
  }
}
