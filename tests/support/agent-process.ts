import { join } from 'node:path'
import { Role } from './roles.js'
import { accounts, type System } from './system.js'

/** An agent of the system as a process of its own, registered. It gives what it ends one second. */
export async function startAgentProcess(
  system: System,
  agent_id: string,
  settings: Record<string, string> = {},
): Promise<Role> {
  const agent = Role.agent({
    CONTROLLER_URL: system.url,
    AGENT_USERNAME: accounts.agent.username,
    AGENT_PASSWORD: accounts.agent.password,
    AGENT_ID: agent_id,
    AGENT_STATE_DIR: join(system.folder, agent_id),
    KILL_GRACE_SECONDS: '1',
    ...settings,
  })
  await agent.says(/registered with the controller/)
  return agent
}
