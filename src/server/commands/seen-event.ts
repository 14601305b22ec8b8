import { OgentError } from '../../shared/errors.js'
import type { Actor } from '../transport/caller.js'
import type { Commands } from './service.js'

/** Of an event id, its sequence; undefined where a subscriber has seen none. `loc`: where the request says so. */
export function seenEvent(
  lastEventId: string | undefined,
  command_id: string,
  loc = ['lastEventId'],
): number | undefined {
  if (lastEventId === undefined) return undefined
  const at = lastEventId.lastIndexOf(':')
  const seq = Number(lastEventId.slice(at + 1))
  if (lastEventId.slice(0, at) === command_id && Number.isSafeInteger(seq) && seq >= 0) return seq
  throw notSeen(`is not an event of command ${command_id}`, loc)
}

/**
 * Throws VALIDATION_FAILED where that event was never written. A controller whose data was restored, or which was
 * killed before it could store what it had shown, counts anew from an earlier place: to go on from a later one would
 * leave out what gets the numbers in between.
 */
export function checkSeen(seen: number, command_id: string, last_seq: number, loc = ['lastEventId']): void {
  if (seen <= last_seq) return
  throw notSeen(`is not an event of command ${command_id}, whose last one so far is ${last_seq}`, loc)
}

function notSeen(msg: string, loc: string[]): OgentError {
  const issues = [{ loc, msg, type: 'invalid_value' }]
  return new OgentError('VALIDATION_FAILED', `${loc.join('.')}: ${msg}`, { issues })
}

/** Where a subscriber goes on; undefined for one who has seen nothing. Throws COMMAND_NOT_FOUND, VALIDATION_FAILED. */
export async function afterSeen(
  commands: Commands,
  actor: Actor,
  command_id: string,
  seen: number | undefined,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (seen === undefined) return undefined
  checkSeen(seen, command_id, (await commands.positionAt(actor, command_id, seen, signal)).last_seq)
  return seen + 1
}
