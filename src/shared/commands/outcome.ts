import type { Encoding } from './request.js'
import type { CommandResult, CommandStatus } from './result.js'

/** How a command ended. A non-zero exit code is an answer, not an exception. */
export interface CommandOutcome extends CommandResult {
  /** The id of the command. */
  command_id: string
  /** The agent to which it was sent. */
  agent_id: string
  /** How it ended: `success` is exit code 0 and nothing else. */
  status: CommandStatus
  /** How `stdout` and `stderr` are given: as text, or as base64 where that was asked for. */
  encoding: Encoding
}
