import {
  type AgentJoin,
  type AgentJoinReply,
  audienceOf,
  fitsGlob,
  type JoinTokenParts,
  joinProofText,
  type OrderKey,
  PROOF_SECONDS,
} from '../../../shared/access/join.js'
import { OgentError } from '../../../shared/errors.js'
import { newId } from '../../../shared/id.js'
import type { Events } from '../../events.js'
import type { KnownAgent } from '../store.js'
import { type AgentIdentity, type Identities, parseIdentity } from './identities.js'
import { checkUsable, exhausted, type HeldToken, type JoinTokens, REPEAT_MS, usedBy } from './join-tokens.js'
import { CLOCK_SECONDS, checkProof, kidOf } from './keys.js'
import type { EnrolmentRows, RowChange } from './rows.js'
import type { ProofThrottle } from './throttle.js'

export type JoiningOptions = {
  rows: EnrolmentRows
  tokens: JoinTokens
  identities: Identities
  throttle: ProofThrottle
  events: Events
  installation: string
  /** The keys by which this controller signs orders. */
  orderKeys: () => OrderKey[]
  /** What is known of an agent, at whichever controller. */
  known: (agent_id: string) => Promise<KnownAgent | undefined>
}

/** How machines join: a join token and a key become an identity. */
export class Joining {
  readonly #options: JoiningOptions
  /** The last join of each token here: one at a time, so that a fleet that joins at once does not get in its own way. */
  readonly #turns = new Map<string, Promise<unknown>>()

  constructor(options: JoiningOptions) {
    this.#options = options
  }

  /**
   * Makes an identity of a key. The same key may repeat that for ten minutes. Throws UNAUTHORIZED, TOKEN_EXHAUSTED, AGENT_REVOKED,
   * FORBIDDEN, AGENT_ID_TAKEN, RATE_LIMITED, UNAVAILABLE.
   */
  async join(request: AgentJoin, address: string): Promise<AgentJoinReply> {
    const { throttle, tokens } = this.#options
    let parts: JoinTokenParts | undefined
    const join = async () => {
      parts = await tokens.prove(request.token)
      await this.#checkProof(request, parts)
      return this.#inTurn(parts.token_id, () => this.#join(request, parts?.token_id ?? '', address))
    }
    const identity = await throttle.of(address, join, (refusal) =>
      this.#refused(refusal, parts?.token_id, request, address),
    )
    const { agent_id, identity_id, assigned_labels, joined_at } = identity
    return {
      agent_id,
      identity_id,
      kid: kidOf(request.public_key),
      assigned_labels,
      audience: audienceOf(this.#options.installation),
      order_keys: this.#options.orderKeys(),
      joined_at,
      server_time: Date.now(),
    }
  }

  async #checkProof(request: AgentJoin, { token_id }: JoinTokenParts): Promise<void> {
    const { public_key, proof, agent_id, fingerprint } = request
    const { nonce, expires_at } = proof
    const audience = audienceOf(this.#options.installation)
    const text = joinProofText({ audience, nonce, expires_at, public_key, token_id, agent_id, fingerprint })
    checkProof(text, public_key, proof)
    const until = (expires_at + CLOCK_SECONDS + PROOF_SECONDS) * 1000
    if (await this.#options.rows.spend(`join:${token_id}:${nonce}`, until)) return
    throw new OgentError('UNAUTHORIZED', 'This proof was used before: make a new one for each try.')
  }

  async #inTurn<T>(token_id: string, act: () => Promise<T>): Promise<T> {
    const before = this.#turns.get(token_id)
    const mine = (before ?? Promise.resolve()).then(act, act)
    this.#turns.set(token_id, mine)
    try {
      return await mine
    } finally {
      if (this.#turns.get(token_id) === mine) this.#turns.delete(token_id)
    }
  }

  /** Until no other controller was faster. */
  async #join(request: AgentJoin, token_id: string, address: string): Promise<AgentIdentity> {
    while (true) {
      const held = await this.#options.tokens.get(token_id)
      if (!held) throw new OgentError('UNAUTHORIZED', 'The join token is not known.')
      const joined = (await this.#repeat(held, request)) ?? (await this.#joinOnce(held, request, address))
      if (joined) return joined
    }
  }

  /** Of a key that has joined by this token already. */
  async #repeat({ row }: HeldToken, { public_key }: AgentJoin): Promise<AgentIdentity | undefined> {
    const use = row.used.find((each) => each.public_key === public_key)
    if (!use) return undefined
    const identity = await this.#options.identities.current(use.agent_id)
    if (identity?.revoked_at !== undefined) throw revoked(use.agent_id)
    const isIts = identity?.keys.some((key) => key.public_key === public_key)
    if (!identity || !isIts || Date.parse(use.at) + REPEAT_MS < Date.now()) throw exhausted(row)
    return identity
  }

  async #joinOnce(held: HeldToken, request: AgentJoin, address: string): Promise<AgentIdentity | undefined> {
    const { rows, identities, events } = this.#options
    const { row, text } = held
    checkUsable(row)
    const agent_id = chooseId(row.agent_id, request.agent_id)
    await this.#checkFree(agent_id, row.agent_id, request.public_key)
    const labels = await rows.get('labels', agent_id)
    const identity = identityOf(agent_id, held, request)
    const used = JSON.stringify(usedBy(row, request.public_key, agent_id))
    const changes: RowChange[] = [
      { table: 'tokens', key: row.token_id, from: text, to: used },
      { table: 'identities', key: agent_id, from: undefined, to: JSON.stringify(identity) },
    ]
    // What was assigned to the agent of before does not go on to an identity.
    if (labels !== undefined) changes.push({ table: 'labels', key: agent_id, from: labels, to: undefined })
    const publish = () =>
      events.publish({
        type: 'audited',
        actor: principalOf(identity, row.token_id),
        action: 'agents.join',
        object: `agent:${agent_id}`,
        verdict: 'allowed',
        reason: '',
        ip: address,
        details: {
          identity_id: identity.identity_id,
          join_token: row.token_id,
          kid: kidOf(request.public_key),
          labels: row.labels,
          hostname: request.info.hostname,
        },
      })
    if (!(await rows.swap(changes, publish))) return undefined
    identities.learn(identity)
    return identity
  }

  /**
   * Throws AGENT_REVOKED for the id of an agent that was revoked, FORBIDDEN for one that another key has, or that an agent with a
   * password has unless the token names it, AGENT_ID_TAKEN while that one is connected.
   */
  async #checkFree(agent_id: string, glob: string | null, public_key: string): Promise<void> {
    const { identities, rows, known } = this.#options
    const row = await rows.get('identities', agent_id)
    const identity = row === undefined ? undefined : parseIdentity(row)
    if (identity?.revoked_at !== undefined) throw revoked(agent_id)
    if (identity) {
      throw new OgentError(
        'FORBIDDEN',
        `Agent ${agent_id} has joined by another key. Give this one another AGENT_ID, or revoke that one and take a new id.`,
      )
    }
    for (const other of identities.all()) {
      if (other.keys.some((key) => key.public_key === public_key))
        throw new OgentError('FORBIDDEN', 'This key is that of another agent: make one for each machine.')
    }
    const before = await known(agent_id)
    if (!before) return
    if (glob === null || !fitsGlob(glob, agent_id)) {
      throw new OgentError(
        'FORBIDDEN',
        `Agent ${agent_id} logs in by the password of an account. To give it a key, make a join token for that id: ogent join-tokens create --agent-id ${agent_id}.`,
      )
    }
    if (before.agent.status === 'connected') {
      throw new OgentError('AGENT_ID_TAKEN', `Agent ${agent_id} is connected by a password: stop it first.`)
    }
  }

  #refused(refusal: OgentError, token_id: string | undefined, { agent_id }: AgentJoin, ip: string): void {
    this.#options.events.publish({
      type: 'audited',
      actor: undefined,
      action: 'agents.join',
      object: token_id === undefined ? 'join-token' : `join-token:${token_id}`,
      verdict: 'denied',
      reason: refusal.message,
      ip,
      details: { code: refusal.code, ...(agent_id === undefined ? {} : { agent_id }) },
    })
  }
}

/** Throws FORBIDDEN for an id that the token does not allow. */
function chooseId(glob: string | null, wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (glob === null || fitsGlob(glob, wanted)) return wanted
    throw new OgentError('FORBIDDEN', `The join token is for agents that are called ${glob}, not ${wanted}.`)
  }
  if (glob === null) return `agent-${newId()}`
  // A star gives way to what is new, others to nothing; a name of the longest kind has room for it.
  const [first = '', ...rest] = glob.split('*')
  return rest.length === 0 ? glob : `${first.slice(0, 100)}${newId()}${rest.join('')}`.slice(0, 128)
}

function identityOf(agent_id: string, { row }: HeldToken, request: AgentJoin): AgentIdentity {
  const { public_key, fingerprint } = request
  const joined_at = new Date().toISOString()
  return {
    identity_id: newId(),
    agent_id,
    keys: [{ kid: kidOf(public_key), public_key, since: joined_at }],
    assigned_labels: row.labels,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    joined_by: row.created_by,
    join_token: row.token_id,
    joined_at,
  }
}

export function principalOf({ identity_id, agent_id }: AgentIdentity, session_id: string) {
  return { principal_id: identity_id, kind: 'agent', name: agent_id, via: 'agent_key', session_id } as const
}

export function revoked(agent_id: string): OgentError {
  return new OgentError(
    'AGENT_REVOKED',
    `Agent ${agent_id} was revoked, and its id is not given again: empty its state folder, and join it by another id.`,
  )
}
