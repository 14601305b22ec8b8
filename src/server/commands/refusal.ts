import { createHash } from 'node:crypto'
import type { RawResultEvent } from '../../shared/commands/event.js'
import type { CommandRecord } from '../../shared/commands/record.js'
import { errorOf, type Refusal, refusalError, refusalReason } from '../../shared/commands/refusal.js'
import { OgentError } from '../../shared/errors.js'

/** The end of a command that the guard refused: nothing was sent to its agent. */
export function refusedResult(record: CommandRecord, refusal: Refusal): RawResultEvent {
  const { command_id, agent_id, command, execution_target } = record
  const timestamp = new Date().toISOString()
  const nothing = new Uint8Array()
  return {
    type: 'command_result',
    command_id,
    agent_id,
    command,
    status: 'refused',
    result: {
      command,
      execution_type: execution_target === 'ssh' ? 'ssh' : 'local',
      target: '',
      exit_code: null,
      signal: null,
      reason: refusalReason(refusal),
      error: refusalError(refusal),
      duration_ms: 0,
      stdout: nothing,
      stderr: nothing,
      stdout_bytes: 0,
      stderr_bytes: 0,
      stdout_truncated: false,
      stderr_truncated: false,
      stdout_sha256: NOTHING_SHA256,
      stderr_sha256: NOTHING_SHA256,
      timestamp,
    },
    timestamp,
  }
}

/** Throws COMMAND_REFUSED, with the risks, where a command was refused: here or by its agent. */
export function throwIfRefused(record: CommandRecord): void {
  const refusal = record.status === 'refused' ? errorOf(record) : undefined
  if (refusal?.code === 'COMMAND_REFUSED') throw refusedError({ risks: [], ...refusal })
}

export function refusedError({ sentence, risks }: Refusal): OgentError {
  return new OgentError('COMMAND_REFUSED', sentence, { risks })
}

const NOTHING_SHA256 = createHash('sha256').digest('hex')
