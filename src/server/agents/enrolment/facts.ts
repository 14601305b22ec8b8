import type { AgentIdentityInfo } from '../../../shared/agents/agent.js'
import type { Hello } from '../../../shared/link/protocol.js'
import type { Actor } from '../../transport/caller.js'

/** What is known of an agent beyond its own word. */
export type AssignedFacts = {
  labels: Record<string, string>
  identity: AgentIdentityInfo | null
  /** Whether its key was revoked, so that its id belongs to no agent ever again. */
  revoked: boolean
}

/** What the registry asks of enrolment. */
export interface EnrolledAgents {
  facts(agent_id: string): AssignedFacts
  /** Throws FORBIDDEN, AGENT_REVOKED or UNAUTHORIZED where a hello may not have the id that it names. */
  admit(hello: Hello, identity: Actor): Promise<void>
  /** Calls with each agent whose identity or labels have changed, until the returned function is called. */
  onChange(listener: (agent_id: string) => void): () => void
  /** An agent without an identity was forgotten: what was assigned to it goes with it. */
  forgotten(agent_id: string): Promise<void>
}

/** Of a controller without enrolment. */
export const noEnrolment: EnrolledAgents = {
  facts: () => ({ labels: {}, identity: null, revoked: false }),
  admit: async () => {},
  onChange: () => () => {},
  forgotten: async () => {},
}
