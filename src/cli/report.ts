import { type ErrorCode, messageOf, OgentError } from '../shared/errors.js'
import { SettingsError } from '../shared/settings.js'
import { exitCodes } from './exit-codes.js'
import { printable } from './output.js'

/** A wrong call: told in one line, exit code 64. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** What to do about it, by code. */
const nextSteps: Record<ErrorCode, string> = {
  BAD_REQUEST: 'See: ogent help',
  UNAUTHORIZED: 'Log in with: ogent login (or set OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN).',
  FORBIDDEN:
    'Log in as somebody who may: ogent login --username NAME. An admin gives roles: ogent users add.',
  COMMAND_REFUSED:
    'Ask what is wrong with it: ogent analyze. An admin may run it with --allow-risk high where the risk is high.',
  NOT_FOUND: 'Is this the address of a controller, and as new as this program? See --url and OGENT_URL.',
  AGENT_NOT_FOUND: 'See who is there: ogent agents',
  COMMAND_NOT_FOUND: 'See what there is: ogent history. Commands are forgotten after a while.',
  METHOD_NOT_ALLOWED: 'Is the controller as new as this program? Compare: ogent --version',
  AGENT_OFFLINE: 'Start the agent on its machine (ogent agent), or wait longer for it: --wait 60',
  TARGET_UNAVAILABLE:
    'See ssh_error in: ogent agents --json. On the machine of the agent itself: --target local',
  COMMAND_ENDED: 'See how it ended: ogent show ID',
  COMMAND_ID_TAKEN: 'Leave --id out, or see that command: ogent show ID',
  AGENT_ID_TAKEN: 'Give the agent another AGENT_ID, or stop the one that has it.',
  PAYLOAD_TOO_LARGE: 'Send less at once: a file is better copied than sent as a command or its input.',
  UNSUPPORTED_MEDIA_TYPE: 'Is this the address of a controller? See --url and OGENT_URL.',
  VALIDATION_FAILED: 'See: ogent help COMMAND',
  RATE_LIMITED: 'Wait a little, then try again.',
  COMMAND_FAILED: 'See all of it: ogent show ID',
  INTERNAL: "The controller's log has the cause.",
  AGENT_BUSY: 'Wait until it has less to do, or let it run more: MAX_CONCURRENT_COMMANDS.',
  UNAVAILABLE: 'The controller cannot store now: its log and GET /ready say why. Try again later.',
  CONNECTION_LOST: 'Is the controller running, and is this its address? See --url and OGENT_URL.',
  CLOSED: 'Try again.',
}

/** Tells on stderr what went wrong and what to do next; gives the exit code. */
export function report(error: unknown): number {
  if (error instanceof SettingsError) {
    process.stderr.write(`ogent: these settings are wrong:\n${error.message}\n`)
    return exitCodes.usage
  }
  process.stderr.write(`ogent: ${printable(messageOf(error))}\n`)
  if (error instanceof UsageError) return exitCodes.usage
  if (!(error instanceof OgentError)) return 1
  for (const risk of error.risks ?? []) process.stderr.write(`  - ${printable(risk)}\n`)
  process.stderr.write(`  ${nextSteps[error.code]}\n`)
  return exitCodes.ofError(error)
}
