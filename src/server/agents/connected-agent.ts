import type { Agent } from '../../shared/agents/agent.js'
import type { Hello } from '../../shared/link/protocol.js'
import type { AgentLink } from './connection.js'
import { chooseProtocol } from './link-protocol.js'

/** What is said of an agent from its hello on. Throws as `chooseProtocol`. */
export function connectedAgent(link: AgentLink, hello: Hello): Agent {
  return {
    sid: link.sid,
    agent_id: link.agent_id,
    connected_at: link.connected_at,
    status: 'connected',
    hostname: hello.info.hostname,
    labels: hello.labels,
    assigned_labels: {},
    identity: null,
    last_seen_at: link.connected_at,
    agent_info: hello.info,
    protocol: chooseProtocol(hello),
    features: hello.features ?? [],
  }
}
