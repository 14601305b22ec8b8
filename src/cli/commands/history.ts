import type { OgentClient } from '../../client/client.js'
import type { CommandRecord, RecordStatus } from '../../shared/commands/record.js'
import { write, writeJson } from '../output/output.js'
import { cut, table } from '../output/table.js'
import { durationForPeople } from '../output/units.js'
import { type ConnectionFlags, connect } from '../session/connect.js'

export type HistoryFlags = ConnectionFlags & {
  agent?: string
  status?: RecordStatus
  search?: string
  limit: number
  json?: boolean
}

const PAGE = 200

/** `ogent history`: the commands that were run, newest first. */
export async function historyCommand(flags: HistoryFlags): Promise<number> {
  const ogent = await connect(flags)
  try {
    if (flags.json) {
      for await (const record of records(ogent, flags)) await writeJson(record)
      return 0
    }
    const rows: string[][] = []
    for await (const record of records(ogent, flags)) rows.push(rowOf(record))
    const text = table([['COMMAND ID', 'AGENT', 'STATUS', 'EXIT', 'CREATED', 'TIME', 'COMMAND'], ...rows])
    // On a terminal a row is a line.
    const width = process.stdout.isTTY ? process.stdout.columns : Number.POSITIVE_INFINITY
    const lines = text.split('\n').map((line) => cut(line, width))
    await write(process.stdout, lines.join('\n'))
    return 0
  } finally {
    await ogent.close()
  }
}

async function* records(ogent: OgentClient, flags: HistoryFlags): AsyncGenerator<CommandRecord, void> {
  const { agent, status, search } = flags
  let cursor: string | undefined
  let left = flags.limit
  while (left > 0) {
    const page = await ogent.commands.list({
      limit: Math.min(left, PAGE),
      ...(agent === undefined ? {} : { agent_id: agent }),
      ...(status === undefined ? {} : { status }),
      ...(search === undefined ? {} : { q: search }),
      ...(cursor === undefined ? {} : { cursor }),
    })
    yield* page.commands
    left -= page.commands.length
    if (page.next_cursor === null) return
    cursor = page.next_cursor
  }
}

function rowOf(record: CommandRecord): string[] {
  const { command_id, agent_id, status, exit_code, created_at, duration_ms, command } = record
  return [
    command_id,
    agent_id,
    status,
    exit_code === null ? '' : String(exit_code),
    created_at.replace(/\.\d+Z$/, 'Z'),
    duration_ms === null ? '' : durationForPeople(duration_ms),
    command,
  ]
}
