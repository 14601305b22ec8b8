import type { Agent } from '../../shared/agents/agent.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'

/** Throws TARGET_UNAVAILABLE or AGENT_OFFLINE where a request asks an agent for what it cannot do now. */
export function checkAgent(request: ParsedCommandRequest, agent: Agent): Agent {
  if (request.execution_target === 'ssh' && !agent.agent_info.ssh_enabled) {
    throw new OgentError('TARGET_UNAVAILABLE', `Agent ${request.agent_id} has no SSH target configured.`)
  }
  if (request.deliver_within_seconds === 0 && agent.status !== 'connected') {
    throw new OgentError('AGENT_OFFLINE', `Agent ${request.agent_id} is not connected.`)
  }
  return agent
}
