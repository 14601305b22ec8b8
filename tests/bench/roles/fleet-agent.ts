import { join } from 'node:path'
import { createAgent } from 'ogent/agent'
import { given, ready } from './role.js'

export type BenchAgents = {
  url: string
  username: string
  password: string
  agents: string[]
  /** Each agent keeps its state in a folder of its own below this. */
  folder: string
}

/** Many real agents of Ogent in one process. */
const { url, username, password, agents, folder } = given<BenchAgents>()

async function attach(agent: string): Promise<void> {
  const handle = await createAgent({
    settings: {
      CONTROLLER_URL: url,
      AGENT_USERNAME: username,
      AGENT_PASSWORD: password,
      AGENT_ID: agent,
      AGENT_STATE_DIR: join(folder, agent),
      LOG_LEVEL: 'warn',
    },
  })
  await handle.registered
}

for (const agent of agents) await attach(agent)
ready()
