import type { OgentClient } from '../../client/client.js'
import { OgentError } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'

export type AgentChoice = { label?: string[]; all?: boolean; connected?: boolean }

/** Whom a call means: one agent, whose output is the call's own, or several, whose lines are kept apart. */
export type ChosenAgents = { one: string } | { several: string[] }

/** Agents by name (`web-1 web-2`, `web-1,web-2`), by label, or all of them. */
export async function chosenAgents(
  ogent: OgentClient,
  words: string[],
  { label = [], all = false, connected = false }: AgentChoice,
): Promise<ChosenAgents> {
  const names = [...new Set(words.flatMap((word) => word.split(',')).filter((name) => name !== ''))]
  const byLabel = label.length > 0 || all
  if (names.length > 0 && byLabel)
    throw new UsageError('name agents, or choose them by --label or --all: not both')
  if (connected && !byLabel) throw new UsageError('--connected goes with --label or --all')
  const [only, ...more] = names
  if (only !== undefined) return more.length === 0 ? { one: only } : { several: names }
  if (!byLabel)
    throw new UsageError('which agent? Name it, as in: ogent run web-1 -- uptime (ogent agents lists them)')
  const wanted = label.map(toLabel)
  const found = (await ogent.agents.list()).filter(
    ({ labels, status }) =>
      wanted.every(([name, value]) => labels[name] === value) && (!connected || status === 'connected'),
  )
  if (found.length > 0) return { several: found.map(({ agent_id }) => agent_id).sort() }
  const whom = label.length > 0 ? `with ${label.join(' and ')}` : 'at all'
  throw new OgentError('AGENT_NOT_FOUND', `There is no ${connected ? 'connected ' : ''}agent ${whom}.`)
}

function toLabel(text: string): [string, string] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`--label takes name=value, got ${text}`)
  return [text.slice(0, at), text.slice(at + 1)]
}
