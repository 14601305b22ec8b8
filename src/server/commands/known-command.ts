import { isRequester } from '../../shared/commands/record.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import { OgentError } from '../../shared/errors.js'
import type { CommandState } from '../journal/port.js'
import type { Actor } from '../transport/caller.js'
import { throwIfRefused } from './refusal.js'
import type { RequestHash } from './request-hash.js'

/** The command that has this id, for the user who started it by this very request. Throws COMMAND_ID_TAKEN. */
export function knownCommand(
  state: CommandState,
  request: ParsedCommandRequest,
  actor: Actor,
  requestHash: RequestHash,
): CommandState {
  const { record, request_hash } = state
  const same = request_hash === undefined ? undefined : requestHash.matches(request_hash, request)
  // Of a command that an older version started, or one with another SECRET_KEY, no more than this is known.
  const alike = record.agent_id === request.agent_id && record.command === request.command
  if (isRequester(record, actor) && (same ?? alike)) {
    throwIfRefused(record)
    return state
  }
  throw new OgentError(
    'COMMAND_ID_TAKEN',
    `The command id ${record.command_id} belongs to another request or another user; choose another id.`,
  )
}
