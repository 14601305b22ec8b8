import type { Agent } from '../../shared/agents/agent.js'
import { compareVersions } from '../../shared/agents/selector/versions.js'
import { type Finding, fail, ok, skip, warn } from './finding.js'

/** Which parts are of which version, and which agents are not as they should be. */

/** As many as are named. */
const NAMED = 5

/** Those one minor version apart work together. */
export function checkVersions(own: string, controller: string | undefined): Finding {
  if (controller === undefined) return skip('version', 'the controller does not say its version')
  const says = `controller ${controller}, this program ${own}`
  if (own === controller) return ok('version', says)
  const older = compareVersions(own, controller) < 0 ? 'this program' : 'the controller'
  const fix = `Renew ${older}, by the same package: docs/operations.md`
  return areClose(own, controller) ? warn('version', says, fix) : fail('version', says, fix)
}

export function checkAgents(agents: Agent[], controller: string | undefined): Finding[] {
  const offline = agents.filter(({ status }) => status !== 'connected')
  const findings = [
    offline.length === 0
      ? ok('agents', connectedSentence(agents.length))
      : warn(
          'agents',
          `${offline.length} of ${agents.length} are offline: ${named(offline)}`,
          'Start them on their machines, or forget those that are gone for good: ogent agents forget ID',
        ),
  ]
  const behind = agents.filter(
    ({ agent_info }) => controller !== undefined && compareVersions(agent_info.agent_version, controller) < 0,
  )
  if (behind.length > 0) {
    findings.push(
      warn(
        'agents',
        `${behind.length} are older than the controller (${controller}): ${named(behind, ({ agent_info }) => agent_info.agent_version)}`,
        'Renew Ogent on their machines, and restart the agents: docs/install-agent.md',
      ),
    )
  }
  const noSsh = agents.filter(
    ({ status, agent_info }) => status === 'connected' && agent_info.ssh_status === 'unavailable',
  )
  for (const agent of noSsh.slice(0, NAMED)) {
    findings.push(
      warn(
        'ssh',
        `${agent.agent_id} does not reach ${agent.agent_info.ssh_target ?? 'its target'}: ${agent.agent_info.ssh_error ?? 'no reason is known'}`,
        'See the SSH_ settings of that agent: docs/install-agent.md',
      ),
    )
  }
  return findings
}

function connectedSentence(count: number): string {
  if (count === 0) return 'none is known yet'
  return count === 1 ? 'the only one is connected' : `all ${count} are connected`
}

/** The same major version, and a minor one that differs by one at most. */
function areClose(a: string, b: string): boolean {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  return left?.[0] === right?.[0] && Math.abs((left?.[1] ?? 0) - (right?.[1] ?? 0)) <= 1
}

function named(agents: Agent[], about?: (agent: Agent) => string): string {
  const names = agents.slice(0, NAMED).map((agent) => agent.agent_id + (about ? ` (${about(agent)})` : ''))
  const more = agents.length - names.length
  return names.join(', ') + (more > 0 ? `, and ${more} more` : '')
}
