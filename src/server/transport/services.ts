import type { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { AnswerMemory } from './answer-memory.js'
import type { Caller } from './caller.js'
import type { Quotas } from './limits/concurrency.js'
import type { RequestLimit } from './limits/request-limit.js'
import type { Policy } from './policy.js'

/** Says who calls. */
export interface Authenticator {
  /** Who a token proves, or why it proves no account; undefined: no token was sent. `address`: the IP address it came from. */
  identify(token: string | undefined, address: string): Promise<Caller | OgentError>
  /** Calls `end` once, soon after the account has changed, until the returned function is called. */
  watch(identity: Caller, end: () => void): () => void
}

/** What the transport itself needs of the controller; what it carries comes with its operations. */
export type TransportServices = {
  authenticator: Authenticator
  policy: Policy
  quotas: Quotas
  requests: RequestLimit
  answers: AnswerMemory
  log: Log
}
