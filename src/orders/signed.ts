import { createHash } from 'node:crypto'
import { isSignedBy, kidOf } from '../audit/keys.js'
import { canonicalJson } from '../shared/canonical-json.js'
import type { ExecuteOrder, OrderSignature } from '../shared/link/protocol.js'

/** Orders that are signed by their controller, so that who can write to its store cannot give any. */

/** What signs: see `AuditKey`. */
export type OrderSigner = { kid: string; public_key: string; sign(text: string): string }

/** A key whose orders an agent carries out. */
export type OrderKey = { kid: string; public_key: string }

/** What is signed begins with what it is for. */
const PURPOSE = 'ogent-order-1\n'
/** Half of a surrogate pair: a process is given U+FFFD in its place, and so is the signature. */
const HALF = /\p{Surrogate}/gu

/** The signature of an order to this agent. */
export function signatureOf(signer: OrderSigner, agent_id: string, order: ExecuteOrder): OrderSignature {
  return { kid: signer.kid, value: signer.sign(textOf(agent_id, order)) }
}

/** Why an order is none of these keys for this agent, as "the order …" is continued; undefined where it is. */
export function signatureFault(
  keys: readonly OrderKey[],
  agent_id: string,
  order: ExecuteOrder,
): string | undefined {
  const { sig } = order
  if (sig === undefined) return 'is not signed'
  const key = keys.find(({ kid }) => kid === sig.kid)
  if (key === undefined) return 'is signed by a key that this agent does not know'
  return isSignedBy(key.public_key, textOf(agent_id, order), sig.value)
    ? undefined
    : 'is not the one that was signed'
}

/** A key by the 32 bytes of its public part, in base64url. */
export function orderKeyOf(public_key: string): OrderKey {
  return { kid: kidOf(public_key), public_key }
}

/** All that decides what runs, where and as whose request. */
function textOf(agent_id: string, order: ExecuteOrder): string {
  const { command_id, command, execution_target, cwd, env, stdin, open_stdin } = order
  const { timeout_seconds, max_output_bytes, expires_at, requester_sid } = order
  const variables = Object.entries(env ?? {}).map(([name, value]) => [whole(name), whole(value)])
  return (
    PURPOSE +
    canonicalJson({
      v: 1,
      agent_id,
      command_id,
      command: whole(command),
      execution_target,
      cwd: cwd === undefined ? null : whole(cwd),
      env: Object.fromEntries(variables),
      stdin_sha256: stdin === undefined ? null : createHash('sha256').update(stdin).digest('hex'),
      open_stdin: open_stdin === true,
      timeout_seconds,
      max_output_bytes,
      expires_at,
      requested_by: whole(requester_sid),
    })
  )
}

function whole(text: string): string {
  return text.replaceAll(HALF, '\ufffd')
}
