import type { ErrorCode, OgentError } from '../../shared/errors.js'

/** What to do about it, by code. */
const byCode: Record<ErrorCode, string> = {
  BAD_REQUEST: 'See: ogent help',
  UNAUTHORIZED: 'Log in with: ogent login (or set OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN).',
  FORBIDDEN: 'See what is allowed: ogent access explain. An admin gives roles: ogent users roles.',
  COMMAND_REFUSED:
    'Ask what is wrong with it: ogent analyze. An admin may run it with --allow-risk high where the risk is high.',
  APPROVAL_REQUIRED: 'See which grants come near: ogent access explain',
  TOKEN_EXHAUSTED: 'Make another one: ogent join-tokens create',
  AGENT_REVOKED: 'Let the machine join anew, under another id: ogent join-tokens create',
  NOT_FOUND: 'Is this the address of a controller, and as new as this program? See --url and OGENT_URL.',
  AGENT_NOT_FOUND: 'See who is there: ogent agents',
  COMMAND_NOT_FOUND: 'See what there is: ogent history. Commands are forgotten after a while.',
  METHOD_NOT_ALLOWED: 'Is the controller as new as this program? Compare: ogent --version',
  AGENT_OFFLINE: 'Start the agent on its machine (ogent agent), or wait longer for it: --wait 60',
  TARGET_UNAVAILABLE:
    'See ssh_error in: ogent agents --json. On the machine of the agent itself: --target local',
  COMMAND_ENDED: 'See how it ended: ogent show ID',
  COMMAND_ID_TAKEN: 'Leave --id out, or see that command: ogent show ID',
  AGENT_CLONED: 'Give each machine an AGENT_ID or a state folder of its own.',
  AGENT_ID_TAKEN: 'Stop the agent that has the name, or give another one an AGENT_ID of its own.',
  USER_EXISTS: 'Choose another name. See who there is: ogent users list',
  POLICY_CHANGED: 'Read it again (ogent access show), make the change once more, and apply that.',
  PAYLOAD_TOO_LARGE: 'Send less at once: a file is better copied than sent as a command or its input.',
  UNSUPPORTED_MEDIA_TYPE: 'Is this the address of a controller? See --url and OGENT_URL.',
  VALIDATION_FAILED: 'See: ogent help',
  RATE_LIMITED: 'Wait a little, then try again.',
  COMMAND_FAILED: 'See all of it: ogent show ID',
  INTERNAL: "The controller's log has the cause.",
  AGENT_BUSY: 'Wait until it has less to do, or let it run more: MAX_CONCURRENT_COMMANDS.',
  UNAVAILABLE: 'The controller cannot store now: its log and GET /ready say why. Try again later.',
  CONNECTION_LOST: 'Is the controller running, and is this its address? See --url and OGENT_URL.',
  CLOSED: 'Try again.',
  CANCELLED: 'See how it ended: ogent show ID',
}

/** Something on this machine is in the way. Exit code 1. */
export class LocalError extends Error {
  override readonly name = 'LocalError'
  readonly nextStep: string

  constructor(message: string, nextStep: string, cause?: unknown) {
    super(message, { cause })
    this.nextStep = nextStep
  }
}

/** Of an error, what is wrong and what to do about it, as people read them. */
export function explained(error: OgentError): { sentence: string; nextStep: string } {
  const { code, message, retry_after_seconds: wait } = error
  // A second or so is what a person takes to try again.
  if (code === 'RATE_LIMITED' && wait !== undefined && wait > 2) {
    return { sentence: message, nextStep: `Wait ${wait} s, then try again.` }
  }
  if (code === 'TARGET_UNAVAILABLE' && message.includes('too old')) {
    return {
      sentence: message,
      nextStep:
        'On its machine: ogent agent upgrade. Text of 1 MiB at most that ends within 250 ms works with it as it is.',
    }
  }
  if (code !== 'CONNECTION_LOST') return { sentence: message, nextStep: byCode[code] }
  // The sentence says what to do; by which variables is not for every user to know.
  if (/^(?:The proxy |https?_proxy )/i.test(message)) {
    return {
      sentence: message,
      nextStep:
        'HTTPS_PROXY, HTTP_PROXY and NO_PROXY say which proxy is used, and for which controllers none.',
    }
  }
  // OpenSSL's own words for "that was no TLS", with its file names and numbers.
  if (/EPROTO|wrong version number|packet length too long/i.test(message)) {
    return {
      sentence: message.replace(/: (?:write )?EPROTO.*/s, ': it does not speak TLS.'),
      nextStep:
        'Where a controller has no TLS_CERT its address begins with http://. See --url and OGENT_URL.',
    }
  }
  if (/altnames/.test(message)) {
    return {
      sentence: message,
      nextStep:
        'Use a name that is in its certificate, or give it one for this name. See --url and OGENT_URL.',
    }
  }
  if (/certificate (?:has expired|is not yet valid)/.test(message)) {
    return {
      sentence: message,
      nextStep: "Renew it (TLS_CERT of the controller), or set this machine's clock.",
    }
  }
  if (/certificate/i.test(message)) return { sentence: message, nextStep: whomToTrust() }
  // The address of a proxy may be in it as well.
  if (/ (?:from|to) http:\/\/.*(?:socket hang up|ECONNRESET|other side closed)/.test(message)) {
    return {
      sentence: message,
      nextStep:
        'Where a controller has a TLS_CERT its address begins with https://. See --url and OGENT_URL.',
    }
  }
  return { sentence: message, nextStep: byCode[code] }
}

function whomToTrust(): string {
  const { OGENT_CA } = process.env
  return OGENT_CA
    ? `It is not signed by those of OGENT_CA (${OGENT_CA}): name the file that has its authority, or itself where it signed itself.`
    : 'For a certificate of your own, name the file with its authority, or with itself where it signed itself: OGENT_CA=FILE.'
}
