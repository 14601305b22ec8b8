import type {
  AuditCheckpoint,
  AuditCheckpoints,
  AuditPage,
  AuditQuery,
  AuditWitnesses,
} from '../../../shared/access/audit.js'
import { auditLimits } from '../../../shared/access/audit.js'
import type { AuditFact, Events } from '../../events.js'
import type { Actor } from '../../transport/caller.js'
import type { Policy } from '../../transport/policy.js'
import { pageOf } from './page.js'
import type { AuditStore } from './ports.js'

export type AuditServiceOptions = {
  store: AuditStore
  policy: Policy
  events: Events
  /** Asks the connected agents what they have kept of the heads of chains. */
  askWitnesses: () => Promise<AuditWitnesses>
}

/** What people ask of the audit. */
export class AuditService {
  readonly #options: AuditServiceOptions

  constructor(options: AuditServiceOptions) {
    this.#options = options
  }

  /** A page of records, the newest first. Throws FORBIDDEN, VALIDATION_FAILED for what is no cursor. */
  async list(actor: Actor, query: AuditQuery): Promise<AuditPage> {
    this.#options.policy.authorize(actor, 'audit.read')
    return pageOf(this.#options.store, query)
  }

  /**
   * All records and checkpoints as lines of JSON, each chain from its oldest record on, the checkpoints behind them. That it was
   * exported is recorded. Throws FORBIDDEN.
   */
  export(actor: Actor): AsyncGenerator<string, void> {
    const { policy, events, store } = this.#options
    policy.authorize(actor, 'audit.read')
    events.publish({ type: 'audited', ...exported(actor) })
    return linesOf(store)
  }

  /** Checkpoints of all chains, the newest first. Throws FORBIDDEN. */
  async checkpoints(actor: Actor): Promise<AuditCheckpoints> {
    this.#options.policy.authorize(actor, 'audit.read')
    const checkpoints: AuditCheckpoint[] = []
    for await (const checkpoint of this.#options.store.checkpoints()) {
      checkpoints.push(checkpoint)
      if (checkpoints.length >= auditLimits.checkpoints) break
    }
    return { checkpoints }
  }

  /** What connected agents have kept. Throws FORBIDDEN. */
  async witnesses(actor: Actor): Promise<AuditWitnesses> {
    this.#options.policy.authorize(actor, 'audit.read')
    return this.#options.askWitnesses()
  }
}

function exported(actor: Actor): AuditFact {
  return { actor, action: 'audit.export', object: 'audit', verdict: 'allowed', reason: '', ip: actor.address }
}

async function* linesOf(store: AuditStore): AsyncGenerator<string, void> {
  // First, and sent last: what is recorded meanwhile may be missing from the export, and no checkpoint of it names that.
  const checkpoints: AuditCheckpoint[] = []
  for await (const checkpoint of store.checkpoints()) checkpoints.push(checkpoint)
  for await (const record of store.oldestFirst()) yield `${JSON.stringify({ type: 'record', ...record })}\n`
  for (const checkpoint of checkpoints.reverse())
    yield `${JSON.stringify({ type: 'checkpoint', ...checkpoint })}\n`
}
