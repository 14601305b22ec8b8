import type { JoinToken } from '../../shared/access/join.js'
import { UsageError } from '../errors/report.js'
import { printable, write, writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { placeOf } from '../session/place.js'

type Flags = ConnectionFlags & { json?: boolean }

export type CreateFlags = Flags & { labels?: string; uses?: number | null; ttl?: number; agentId?: string }

/** `ogent join-tokens create`: a token, and the line that installs an agent and joins by it. */
export async function createJoinToken(flags: CreateFlags): Promise<number> {
  const { labels, uses, ttl, agentId, json } = flags
  const request = {
    ...(labels === undefined ? {} : { labels: labelsOf(labels) }),
    ...(uses === undefined ? {} : { uses }),
    ...(ttl === undefined ? {} : { expires_in_seconds: ttl }),
    ...(agentId === undefined ? {} : { agent_id: agentId }),
  }
  const ogent = await connect(flags)
  try {
    const made = await ogent.joinTokens.create(request)
    if (json) await writeJson(made)
    else await write(process.stdout, shownToken(made, placeOf(flags).url))
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent join-tokens list`: those that can be used still. */
export async function listJoinTokens(flags: Flags): Promise<number> {
  const ogent = await connect(flags)
  try {
    const tokens = await ogent.joinTokens.list()
    if (flags.json) for (const token of tokens) await writeJson(token)
    else await writeTable(columns.map(([title, cell]) => [title, ...tokens.map(cell)]))
    return 0
  } finally {
    await ogent.close()
  }
}

/** `ogent join-tokens revoke`: agents that have joined by them stay. */
export async function revokeJoinTokens(ids: string[], flags: ConnectionFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    for (const token_id of ids) await ogent.joinTokens.revoke(token_id)
    return 0
  } finally {
    await ogent.close()
  }
}

/** `env=prod,role=web` as labels. Throws UsageError. */
export function labelsOf(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair) => pair.trim())
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=')
      if (at < 1)
        throw new UsageError(`${JSON.stringify(pair)} is no label: write name=value, with commas between`)
      return [pair.slice(0, at), pair.slice(at + 1)]
    }),
  )
}

function shownToken(
  { token, token_id, uses, expires_at }: JoinToken & { token: string },
  url: string,
): string {
  const machines = uses === null ? 'any number of machines' : uses === 1 ? 'one machine' : `${uses} machines`
  const base = url.replace(/\/$/, '')
  return [
    `Join token ${token_id}, for ${machines} until ${shownTime(expires_at)}; shown only this once:`,
    '',
    `  ${token}`,
    '',
    'On the machine, as root, this installs an agent and joins:',
    '',
    `  curl -fsS ${printable(base)}/install.sh | sudo sh -s -- --join ${token}`,
    '',
    'Or, where Ogent is installed: ogent agent --join - (the token is read from the standard input).',
    '',
  ].join('\n')
}

const columns: [title: string, cell: (token: JoinToken) => string][] = [
  ['TOKEN', ({ token_id }) => token_id],
  ['USED', ({ used_count, uses }) => `${used_count}/${uses ?? 'any'}`],
  ['UNTIL', ({ expires_at }) => shownTime(expires_at)],
  ['AGENTS', ({ agent_id }) => agent_id ?? '*'],
  ['BY', ({ created_by }) => created_by],
  [
    'LABELS',
    ({ labels }) =>
      Object.entries(labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(','),
  ],
]
