import { write, writeJson } from '../output/output.js'
import { table } from '../output/table.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

/** `ogent agents`: who is there. */
export async function agentsCommand(flags: ConnectionFlags & { json?: boolean }): Promise<number> {
  const ogent = await connect(flags)
  try {
    const agents = await ogent.agents.list()
    if (flags.json) {
      for (const agent of agents) await writeJson(agent)
      return 0
    }
    const rows = agents.map(({ agent_id, status, hostname, agent_info, labels }) => [
      agent_id,
      status,
      hostname,
      `${agent_info.platform} ${agent_info.version}`,
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
    ])
    await write(process.stdout, table([['AGENT', 'STATUS', 'HOST', 'SYSTEM', 'LABELS'], ...rows]))
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent agents forget`: no more trace of agents that are gone for good. */
export async function forgetCommand(ids: string[], flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const agent_id of ids) await ogent.agents.forget(agent_id)
    return 0
  } finally {
    await ogent.close()
  }
}
