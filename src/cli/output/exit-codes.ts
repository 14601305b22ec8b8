import { constants } from 'node:os'
import type { CommandOutcome } from '../../client/commands/run.js'
import { errorOf, neverRan } from '../../shared/commands/refusal.js'
import type { OgentError } from '../../shared/errors.js'

/** What `ogent run` exits with; 64, 69 and 77 as in sysexits(3), 124 and 126 as in timeout(1) and sh(1). */
export const exitCodes = {
  usage: 64,
  unavailable: 69,
  cancelled: 130,
  ofOutcome,
  ofError,
}

function ofOutcome(outcome: CommandOutcome): number {
  const { status, exit_code, signal } = outcome
  switch (status) {
    case 'timeout':
      return 124
    case 'cancelled':
      return 130
    case 'refused':
      return 126
    case 'lost':
      return 69
    case 'success':
    case 'error':
      if (exit_code !== null) return exit_code
      if (signal !== null) return 128 + signalNumber(signal)
      return neverRan.has(errorOf(outcome)?.code ?? '') ? 69 : 1
  }
}

function signalNumber(name: string): number {
  const known: Record<string, number> = constants.signals
  return known[name] ?? 0
}

function ofError(error: OgentError): number {
  switch (error.code) {
    case 'VALIDATION_FAILED':
    case 'BAD_REQUEST':
      return 64
    case 'UNAUTHORIZED':
    case 'FORBIDDEN':
    case 'APPROVAL_REQUIRED':
    case 'TOKEN_EXHAUSTED':
    case 'AGENT_REVOKED':
      return 77
    case 'COMMAND_REFUSED':
      return 126
    case 'AGENT_OFFLINE':
    case 'AGENT_NOT_FOUND':
    case 'AGENT_BUSY':
    case 'TARGET_UNAVAILABLE':
    case 'CONNECTION_LOST':
    case 'UNAVAILABLE':
      return 69
    default:
      return 1
  }
}
