import type { Agent } from '../../shared/agents/agent.js'
import type { AgentFilter } from '../../shared/agents/query.js'
import { parseSelector } from '../../shared/agents/selector/parser.js'
import { OgentError } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

export type AgentsFlags = ConnectionFlags & {
  selector?: string
  status?: AgentFilter['status']
  search?: string
  limit?: number
  output?: AgentsOutput
  json?: boolean
}

/** How agents are printed; without it, as a table of what matters most. */
export type AgentsOutput = 'wide' | 'json' | 'name'

/** `ogent agents`: the agents that are known, or those that match. */
export async function agentsCommand(selector: string | undefined, flags: AgentsFlags): Promise<number> {
  const filter = filterOf(selector, flags)
  const ogent = await connect(flags)
  try {
    await print(await ogent.agents.list(filter), flags.json ? 'json' : flags.output)
    return 0
  } finally {
    await ogent.close()
  }
}

async function print(agents: Agent[], output: AgentsOutput | undefined): Promise<void> {
  switch (output) {
    case 'json':
      for (const agent of agents) await writeJson(agent)
      return
    case 'name':
      for (const { agent_id } of agents) await write(process.stdout, `${printable(agent_id)}\n`)
      return
    case 'wide':
    case undefined:
      return writeTable(
        [...columns, ...(output === 'wide' ? wideColumns : []), labelColumn].map(([title, cell]) => [
          title,
          ...agents.map(cell),
        ]),
      )
  }
}

type Column = [title: string, cell: (agent: Agent) => string]

const columns: Column[] = [
  ['AGENT', ({ agent_id }) => agent_id],
  ['STATUS', ({ status }) => status],
  ['HOST', ({ hostname }) => hostname],
  ['SYSTEM', ({ agent_info }) => `${agent_info.platform} ${agent_info.version}`],
]

const wideColumns: Column[] = [
  ['ARCH', ({ agent_info }) => agent_info.arch],
  ['VERSION', ({ agent_info }) => agent_info.agent_version],
  ['NODE', ({ agent_info }) => agent_info.node],
  // A controller of before says nothing of either.
  ['KEY', ({ identity }) => identity?.key_ids.at(-1)?.slice(0, 8) ?? '-'],
  ['ASSIGNED', ({ assigned_labels }) => pairsOf(assigned_labels ?? {}) || '-'],
  ['SSH', ({ agent_info }) => agent_info.ssh_target ?? '-'],
  // Of its status: while it is connected, the last time that it was heard of says nothing.
  [
    'SINCE',
    ({ status, connected_at, last_seen_at }) =>
      shownTime(status === 'connected' && connected_at !== null ? connected_at : last_seen_at),
  ],
]

const labelColumn: Column = ['LABELS', ({ labels }) => pairsOf(labels)]

function pairsOf(labels: Record<string, string>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')
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
