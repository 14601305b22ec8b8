import type { Agent } from '../../shared/agents/agent.js'
import type { CommandRecord } from '../../shared/commands/record.js'
import { printable } from '../output/output.js'
import { cut, table } from '../output/table.js'
import { durationForPeople } from '../output/units.js'

/** What runs where, at one moment. */
export type Board = {
  /** The controller, and who asks. */
  heading: string
  agents: Pick<Agent, 'agent_id' | 'status'>[]
  /** Commands that have not ended, in any order. */
  commands: CommandRecord[]
  /** There are more commands than these. */
  hasMore: boolean
  /** What is in the way of newer figures. */
  trouble?: string | undefined
}

export type Room = { columns: number; rows: number }

/** The lines of a screen: as many as there is room for, none of them longer. */
export function linesOf(board: Board, now: number, { columns, rows }: Room): string[] {
  const commands = board.commands.toSorted(byAge)
  const head = [board.heading, countsOf(board), ...(board.trouble === undefined ? [] : [board.trouble]), '']
  const fits = Math.max(rows - head.length - 1, 0)
  // The last line says how many are left out.
  const shown = commands.length > fits ? commands.slice(0, Math.max(fits - 1, 0)) : commands
  const body = commands.length === 0 ? ['Nothing runs.'] : rowsOf(shown, now)
  const left = commands.length - shown.length
  const more = left > 0 ? [`… and ${left}${board.hasMore ? ' or more' : ''} more`] : []
  return [...head.map(printable), ...body, ...more].slice(0, rows).map((line) => cut(line, columns))
}

function countsOf({ agents, commands, hasMore }: Board): string {
  const connected = agents.filter(({ status }) => status === 'connected').length
  const running = commands.filter(({ status }) => status === 'running')
  const busy = new Set(running.map(({ agent_id }) => agent_id)).size
  const most = hasMore ? '+' : ''
  return [
    `agents: ${connected} connected, ${agents.length - connected} offline, ${busy} busy`,
    `commands: ${running.length}${most} running, ${commands.length - running.length}${most} waiting`,
  ].join(' · ')
}

function rowsOf(commands: CommandRecord[], now: number): string[] {
  const cells = commands.map(
    ({ agent_id, status, started_at, created_at, requested_by, command_id, command }) => [
      agent_id,
      status,
      durationForPeople(Math.max(now - Date.parse(started_at ?? created_at), 0)),
      requested_by,
      command_id,
      command,
    ],
  )
  const title = ['AGENT', 'STATUS', 'TIME', 'USER', 'COMMAND ID', 'COMMAND']
  return table([title, ...cells])
    .split('\n')
    .slice(0, -1)
}

/** What runs before what waits, each the oldest first. */
function byAge(a: CommandRecord, b: CommandRecord): number {
  if (a.status !== b.status) return a.status === 'running' ? -1 : 1
  const [one, other] = [a, b].map(({ started_at, created_at }) => started_at ?? created_at)
  return (one ?? '') < (other ?? '') ? -1 : 1
}
