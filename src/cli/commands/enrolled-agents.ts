import { UsageError } from '../errors/report.js'
import { printable, write } from '../output/output.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

/** `ogent agents label`: `name=value` assigns a label, `name-` takes one away. */
export async function labelCommand(
  agent_id: string,
  words: string[],
  flags: ConnectionFlags,
): Promise<number> {
  const labels = changesOf(words)
  const ogent = await connect(flags)
  try {
    const { assigned_labels } = await ogent.agents.label(agent_id, labels)
    const now = Object.entries(assigned_labels).map(([name, value]) => `${name}=${value}`)
    await write(
      process.stdout,
      `Assigned to ${printable(agent_id)}: ${printable(now.join(',')) || 'no labels'}.\n`,
    )
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent agents revoke`: their keys open nothing any more. */
export async function revokeCommand(ids: string[], flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const agent_id of ids) await ogent.agents.revoke(agent_id)
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent agents accept-machine` and `ogent agents rotate-key`. */
export async function changeCommand(
  ids: string[],
  change: { accept_machine: true } | { rotate_key: true },
  flags: ConnectionFlags,
): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const agent_id of ids) await ogent.trpc.agents.label.mutate({ agent_id, ...change })
    return 0
  } finally {
    await ogent.close()
  }
}

function changesOf(words: string[]): Record<string, string | null> {
  return Object.fromEntries(
    words.map((word): [string, string | null] => {
      const at = word.indexOf('=')
      if (at > 0) return [word.slice(0, at), word.slice(at + 1)]
      if (at < 0 && word.length > 1 && word.endsWith('-')) return [word.slice(0, -1), null]
      throw new UsageError(
        `${JSON.stringify(word)} is no label: write name=value to assign one, and name- to take it away`,
      )
    }),
  )
}
