import type { RawCommandEvent } from '../../shared/commands/event.js'
import { errorOf, neverRan } from '../../shared/commands/refusal.js'
import { isErrorCode, OgentError } from '../../shared/errors.js'
import { refusedError } from './refusal.js'

/** The error of a command that never ran, for the one who asked for it; undefined for every other event. */
export function undelivered(event: RawCommandEvent): OgentError | undefined {
  if (event.type !== 'command_result' || event.result.exit_code !== null) return undefined
  const error = errorOf(event.result)
  if (!error || !isErrorCode(error.code)) return undefined
  if (error.code === 'COMMAND_REFUSED') return refusedError({ risks: [], ...error })
  return neverRan.has(error.code) ? new OgentError(error.code, error.sentence) : undefined
}
