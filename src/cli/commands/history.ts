import type { OgentClient } from '../../client/client.js'
import type { CommandFilter, CommandRecord, RecordStatus } from '../../shared/commands/record.js'
import { writeJson } from '../output/output.js'
import { writeTable } from '../output/table.js'
import { shownTime } from '../output/times.js'
import { durationForPeople } from '../output/units.js'
import { type ConnectionFlags, connect } from '../session/connect.js'
import { pointInTime } from './point-in-time.js'

export type HistoryFlags = ConnectionFlags & {
  agent?: string
  label?: string
  user?: string
  status?: RecordStatus[]
  failed?: boolean
  exitCode?: number
  since?: string
  until?: string
  search?: string
  limit: number
  json?: boolean
}

const PAGE = 200
/** Ends that are no success, and none that was asked for. */
const FAILED: RecordStatus[] = ['error', 'timeout', 'lost', 'refused']

/** `ogent history`: the commands that were run, newest first. */
export async function historyCommand(flags: HistoryFlags): Promise<number> {
  const filter = filterOf(flags)
  const ogent = await connect(flags)
  try {
    if (flags.json) {
      for await (const record of records(ogent, filter, flags.limit)) await writeJson(record)
      return 0
    }
    const found: CommandRecord[] = []
    for await (const record of records(ogent, filter, flags.limit)) found.push(record)
    await writeTable(columns.map(([title, cell]) => [title, ...found.map(cell)]))
    return 0
  } finally {
    await ogent.close()
  }
}

function filterOf(flags: HistoryFlags): CommandFilter {
  const { agent, label, user, status, failed, exitCode, since, until, search } = flags
  return {
    agent_id: agent,
    label,
    requested_by: user,
    status: failed ? FAILED : status,
    exit_code: exitCode,
    // Once for all pages: how long ago is counted from now.
    since: since === undefined ? undefined : pointInTime('--since', since),
    until: until === undefined ? undefined : pointInTime('--until', until),
    q: search,
  }
}

async function* records(
  ogent: OgentClient,
  filter: CommandFilter,
  limit: number,
): AsyncGenerator<CommandRecord, void> {
  let cursor: string | undefined
  let left = limit
  while (left > 0) {
    const page = await ogent.commands.list({ ...filter, limit: Math.min(left, PAGE), cursor })
    yield* page.commands
    left -= page.commands.length
    if (page.next_cursor === null) return
    cursor = page.next_cursor
  }
}

const columns: [title: string, cell: (record: CommandRecord) => string][] = [
  ['COMMAND ID', ({ command_id }) => command_id],
  ['AGENT', ({ agent_id }) => agent_id],
  ['STATUS', ({ status }) => status],
  ['EXIT', ({ exit_code }) => (exit_code === null ? '' : String(exit_code))],
  ['CREATED', ({ created_at }) => shownTime(created_at.replace(/\.\d+Z$/, 'Z'))],
  ['TIME', ({ duration_ms }) => (duration_ms === null ? '' : durationForPeople(duration_ms))],
  ['COMMAND', ({ command }) => command],
]
