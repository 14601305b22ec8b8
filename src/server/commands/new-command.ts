import { type OrderSigner, signatureOf } from '../../orders/signed.js'
import type { RawCommandEvent } from '../../shared/commands/event.js'
import type { CommandRecord } from '../../shared/commands/record.js'
import type { ParsedCommandRequest } from '../../shared/commands/request.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { NewCommand } from '../journal/port.js'
import type { Actor } from '../transport/caller.js'
import type { Permit } from '../transport/policy.js'
import type { Admission } from './admission.js'
import { steadyNow } from './clock.js'
import type { RequestHash } from './request-hash.js'

export type NewCommandOptions = {
  /** For requests that name none, in seconds. */
  timeoutSeconds: number
  maxOutputBytes: number
  requestHash: RequestHash
  /** Signs orders; undefined where they are not signed. */
  signer?: OrderSigner | undefined
}

/** What the journal begins with, of a request that was admitted. */
export function newCommand(
  command_id: string,
  request: ParsedCommandRequest,
  identity: Actor,
  admission: Admission & { permit: Permit },
  options: NewCommandOptions,
): NewCommand {
  const { warnings, ai_processing, permit } = admission
  const { agent_id, command, execution_target, on_disconnect } = request
  const timestamp = new Date().toISOString()
  const order: ExecuteOrder = {
    type: 'execute_command_event',
    command_id,
    command: admission.command,
    requester_sid: identity.name,
    // What `auto` means was decided with the permit: it must not mean another place when the order arrives.
    execution_target: permit.execution_target ?? execution_target,
    timeout_seconds:
      request.timeout_seconds ??
      Math.min(options.timeoutSeconds, permit.max_timeout_seconds ?? Number.POSITIVE_INFINITY),
    max_output_bytes: options.maxOutputBytes,
    // What is refused can never run, even if we die before its end is stored.
    expires_at: admission.refusal ? 0 : steadyNow() + request.deliver_within_seconds * 1000,
    ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    ...(request.env === undefined ? {} : { env: request.env }),
    ...(request.stdin === undefined ? {} : { stdin: request.stdin }),
    ...(request.open_stdin ? { open_stdin: true } : {}),
  }
  // Here, and not when it is sent: what is in the store by then may come from elsewhere.
  if (options.signer) order.sig = signatureOf(options.signer, agent_id, order)
  const record: CommandRecord = {
    command_id,
    agent_id,
    command,
    status: 'pending',
    requested_by: identity.name,
    requester_id: identity.principal_id,
    execution_target,
    execution_type: null,
    target: null,
    exit_code: null,
    signal: null,
    reason: null,
    created_at: timestamp,
    started_at: null,
    ended_at: null,
    duration_ms: null,
    stdout_bytes: 0,
    stderr_bytes: 0,
    ...(ai_processing === undefined ? {} : { ai_processing }),
  }
  const event: RawCommandEvent = {
    type: 'command_response',
    command_id,
    agent_id,
    command,
    status: 'pending',
    requested_by: identity.name,
    execution_target,
    ...(ai_processing === undefined ? {} : { ai_processing }),
    ...(warnings === undefined ? {} : { warnings }),
    timestamp,
  }
  return { record, order, on_disconnect, request_hash: options.requestHash.of(request), event }
}
