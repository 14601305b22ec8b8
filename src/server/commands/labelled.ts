import type { CommandQuery } from '../../shared/commands/record.js'
import type { Agents } from '../agents/registry.js'
import type { ListQuery } from '../journal/page.js'
import type { Reach } from '../transport/policy.js'

/**
 * A query with the agents that have its label now in that label's place: when their commands were run they may have had
 * others. What is out of the caller's reach is left out. Undefined where no command can fit.
 */
export function withAgents(
  { label, ...query }: CommandQuery,
  known: Pick<Agents['known'], 'idsOf'>,
  reach: Reach,
): ListQuery | undefined {
  const { agent_id } = query
  if (!reach.all && agent_id !== undefined && !reach.includes(agent_id)) return undefined
  // Agents that are forgotten are asked about by their ids as well.
  const visible = reach.all ? query : { ...query, agents: { has: (id: string) => reach.includes(id) } }
  return label === undefined ? visible : ofLabel(visible, label, known, reach)
}

function ofLabel(
  query: ListQuery,
  label: NonNullable<CommandQuery['label']>,
  known: Pick<Agents['known'], 'idsOf'>,
  reach: Reach,
): ListQuery | undefined {
  const { name, value } = label
  const labelled = known.idsOf(({ labels }) => Object.hasOwn(labels, name) && labels[name] === value)
  const agents = new Set(labelled.filter((id) => reach.all || reach.includes(id)))
  // Of one agent there is an index.
  const agent_id = query.agent_id ?? (agents.size === 1 ? [...agents][0] : undefined)
  if (agents.size === 0 || (agent_id !== undefined && !agents.has(agent_id))) return undefined
  return { ...query, agent_id, agents }
}
