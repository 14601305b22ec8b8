import { hostname } from 'node:os'
import type { Hello } from '../../../dist/shared/link/protocol.js'

/** What an agent of this bench says first. */
export function agentHello(agent_id: string): Hello {
  return {
    protocol: 1,
    agent_id,
    instance_id: `bench-${process.pid}-${agent_id}`,
    info: {
      platform: 'Linux',
      version: 'bench',
      python: null,
      node: process.version,
      ssh_enabled: false,
      ssh_target: null,
      hostname: hostname(),
      arch: process.arch,
      agent_version: 'bench',
      max_concurrent_commands: 16,
    },
    labels: {},
    commands: [],
  }
}
