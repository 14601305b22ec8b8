import { isDeepStrictEqual } from 'node:util'
import type { Events } from '../../events.js'
import type { AgentLink } from '../connection.js'
import type { KnownAgents } from '../known-agents.js'
import type { AssignedFacts } from './facts.js'

/** Closes a link that its agent may not have any more, and shows what is assigned to the agent now. */
export function reviewEnrolled(
  agent_id: string,
  { identity, revoked }: AssignedFacts,
  { known, link, events }: { known: KnownAgents; link: AgentLink | undefined; events: Events },
): void {
  if (revoked) events.publish({ type: 'agent_revoked', agent_id })
  if (link && identity && (revoked || link.identity_id !== identity.identity_id)) link.close()
  const [reported, before] = [known.reported(agent_id), known.get(agent_id)]
  if (!reported) return
  const shown = known.set(reported)
  if (!isDeepStrictEqual(before, shown)) events.publish({ type: 'agent_changed', agent: shown.agent })
}
