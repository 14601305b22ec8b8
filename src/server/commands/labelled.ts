import type { CommandQuery } from '../../shared/commands/record.js'
import type { Agents } from '../agents/registry.js'
import type { ListQuery } from '../journal/page.js'

/**
 * A query with the agents that have its label now in that label's place: when their commands were run they may have had
 * others. Undefined where no command can fit.
 */
export function withAgents(
  { label, ...query }: CommandQuery,
  known: Pick<Agents['known'], 'idsOf'>,
): ListQuery | undefined {
  if (label === undefined) return query
  const { name, value } = label
  const labelled = known.idsOf(({ labels }) => Object.hasOwn(labels, name) && labels[name] === value)
  const agents = new Set(labelled)
  // Of one agent there is an index.
  const agent_id = query.agent_id ?? (agents.size === 1 ? labelled[0] : undefined)
  if (agents.size === 0 || (agent_id !== undefined && !agents.has(agent_id))) return undefined
  return { ...query, agent_id, agents }
}
