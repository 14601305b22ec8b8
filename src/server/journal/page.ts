import type { CommandRecord } from '../../shared/commands/record.js'
import { messageOf, OgentError } from '../../shared/errors.js'

/** How a listing is searched and cut into pages, the same for every store. */

/** `text` is in lower case. */
export function matches(
  record: CommandRecord,
  status: string | undefined,
  text: string | undefined,
): boolean {
  if (status !== undefined && record.status !== status) return false
  return text === undefined || record.command.toLowerCase().includes(text)
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
