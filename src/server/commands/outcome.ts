import type { RawCommandEvent } from '../../shared/commands/event.js'
import { readRefusal } from '../../shared/commands/refusal.js'
import { isErrorCode, OgentError } from '../../shared/errors.js'
import { refusedError } from './refusal.js'

/** Ends of commands that never ran, which the one who asked gets as an error. */
const notRun = new Set(['AGENT_OFFLINE', 'TARGET_UNAVAILABLE', 'AGENT_BUSY'])

/** The error in a result whose reason begins with a code of the closed table; undefined for all others. */
export function undelivered(event: RawCommandEvent): OgentError | undefined {
  if (event.type !== 'command_result' || event.result.exit_code !== null) return undefined
  const refusal = readRefusal(event.result.reason)
  if (refusal) return refusedError(refusal)
  const [code, sentence] = event.result.reason?.split(/: (.*)/s) ?? []
  if (!isErrorCode(code) || !notRun.has(code)) return undefined
  return new OgentError(code, sentence ?? '')
}
