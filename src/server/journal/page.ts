import type { CommandQuery, CommandRecord } from '../../shared/commands/record.js'
import { messageOf, OgentError } from '../../shared/errors.js'

/** How a listing is searched and cut into pages, the same for every store. */

/** Which commands a page lists: a query, with the agents that have its label in that label's place. */
export type ListQuery = Omit<CommandQuery, 'label'> & { agents?: ReadonlySet<string> | undefined }

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
