import {
  type CommandPage,
  type CommandQuery,
  type CommandRecord,
  listedRecord,
} from '../../shared/commands/record.js'
import { messageOf, OgentError } from '../../shared/errors.js'

/** How a listing is searched and cut into pages, the same for every store. */

/** Which commands a page lists: a query, with the agents that have its label in that label's place. */
export type ListQuery = Omit<CommandQuery, 'label'> & {
  agents?: { has(agent_id: string): boolean } | undefined
}

/** Whether a command is one that a query asks for, by its record; when it was made, and where, an index knows. */
export function recordTest({
  status,
  q,
  requested_by,
  exit_code,
}: ListQuery): (record: CommandRecord) => boolean {
  const text = q?.toLowerCase()
  return (record) => {
    if (status !== undefined && !status.includes(record.status)) return false
    if (requested_by !== undefined && record.requested_by !== requested_by) return false
    if (exit_code !== undefined && record.exit_code !== exit_code) return false
    return text === undefined || record.command.toLowerCase().includes(text)
  }
}

/** Whether a query asks for commands alone that have not ended, which an index has: they may be few among many. */
export function asksForOpen({ status }: ListQuery): boolean {
  return status?.every((one) => one === 'pending' || one === 'running') ?? false
}

/** The page of a query among these commands, which are in any order. */
export function pageAmong(records: CommandRecord[], query: ListQuery): CommandPage {
  const { agent_id, agents, since = '', until = '~', cursor, limit } = query
  const isAskedFor = recordTest(query)
  const behind = cursor === undefined ? undefined : parseCursor(cursor)
  const found = records.filter((record) => {
    if (agent_id !== undefined && record.agent_id !== agent_id) return false
    if (agents?.has(record.agent_id) === false) return false
    if (record.created_at < since || record.created_at >= until) return false
    return (!behind || compareTimes(placeOf(record), behind) < 0) && isAskedFor(record)
  })
  const newest = found.sort((a, b) => compareTimes(placeOf(b), placeOf(a))).slice(0, limit)
  const last = newest.at(-1)
  return {
    commands: newest.map(listedRecord),
    next_cursor: last && found.length > limit ? cursorOf(last.created_at, last.command_id) : null,
  }
}

type PlaceInTime = { time: string; id: string }

function placeOf({ created_at, command_id }: CommandRecord): PlaceInTime {
  return { time: created_at, id: command_id }
}

/** As the indexes have it: by time, then by id. */
function compareTimes(a: PlaceInTime, b: PlaceInTime): number {
  if (a.time !== b.time) return a.time < b.time ? -1 : 1
  if (a.id === b.id) return 0
  return a.id < b.id ? -1 : 1
}

/** Where the next page begins: after this command. */
export function cursorOf(time: string, id: string): string {
  return Buffer.from(JSON.stringify([time, id])).toString('base64url')
}

/** Throws VALIDATION_FAILED for what was not given out as a cursor. */
export function parseCursor(cursor: string): { time: string; id: string } {
  try {
    const [time, id]: unknown[] = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (typeof time === 'string' && typeof id === 'string') return { time, id }
    throw new Error('not a pair of texts')
  } catch (cause) {
    throw new OgentError(
      'VALIDATION_FAILED',
      `The cursor is not one that was given out: ${messageOf(cause)}`,
      {
        issues: [{ loc: ['query', 'cursor'], msg: 'is not one that was given out', type: 'invalid_cursor' }],
      },
    )
  }
}
