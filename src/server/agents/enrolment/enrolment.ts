import type { OrderKey } from '../../../shared/access/join.js'
import { OgentError } from '../../../shared/errors.js'
import type { Hello } from '../../../shared/link/protocol.js'
import type { Events } from '../../events.js'
import type { Log } from '../../telemetry/ports.js'
import type { Actor } from '../../transport/caller.js'
import type { Limiter } from '../../transport/limits/port.js'
import type { KnownAgent } from '../store.js'
import { AgentTokens } from './agent-tokens.js'
import type { AssignedFacts, EnrolledAgents } from './facts.js'
import { Identities } from './identities.js'
import { JoinTokens } from './join-tokens.js'
import { Joining, revoked } from './joining.js'
import type { EnrolmentRows } from './rows.js'
import { ProofThrottle } from './throttle.js'

export type EnrolmentOptions = {
  rows: EnrolmentRows
  /** The id of this installation. */
  installation: string
  /** The key that signs tokens. */
  secret: string
  /** SHA-256 of the certificate that machines are to trust at their first call; undefined without TLS. */
  pin: () => string | undefined
  /** Whether agents may log in by the password of an account. */
  passwords: boolean
  /** What failed proofs are counted by: see `JOIN_LIMIT`. */
  failures: Limiter
  /** The keys by which this controller signs orders. */
  orderKeys?: () => OrderKey[]
  known: (agent_id: string) => Promise<KnownAgent | undefined>
  log: Log
  events: Events
}

/** The first protocol of the link that an agent with a key has to speak. */
const KEYED_PROTOCOL = 2

/** How agents come to keys of their own, and what they may do with them. */
export class Enrolment implements EnrolledAgents {
  readonly identities: Identities
  readonly joinTokens: JoinTokens
  readonly joining: Joining
  readonly tokens: AgentTokens
  readonly #options: EnrolmentOptions

  constructor(options: EnrolmentOptions) {
    const { rows, log, failures, orderKeys = () => [] } = options
    this.#options = options
    this.identities = new Identities(rows, log)
    this.joinTokens = new JoinTokens(options)
    const parts = {
      ...options,
      orderKeys,
      identities: this.identities,
      throttle: new ProofThrottle(failures),
    }
    this.joining = new Joining({ ...parts, tokens: this.joinTokens })
    this.tokens = new AgentTokens(parts)
  }

  load(): Promise<void> {
    return this.identities.load()
  }

  facts(agent_id: string): AssignedFacts {
    return this.identities.facts(agent_id)
  }

  onChange(listener: (agent_id: string) => void): () => void {
    return this.identities.onChange(listener)
  }

  async admit(hello: Hello, actor: Actor): Promise<void> {
    try {
      await (actor.kind === 'agent' ? this.#admitKeyed(hello, actor) : this.#admitByPassword(hello))
    } catch (error) {
      if (error instanceof OgentError && error.status < 500) this.#refused(error, hello, actor)
      throw error
    }
  }

  async forgotten(agent_id: string): Promise<void> {
    await this.identities.changeLabels(agent_id, () => ({}))
  }

  close(): void {
    this.tokens.close()
    this.identities.close()
    this.#options.rows.close()
  }

  async #admitKeyed(hello: Hello, { name, principal_id }: Actor): Promise<void> {
    const { agent_id, protocol, protocol_max = protocol } = hello
    if (agent_id !== name) {
      const wanted = agent_id === undefined ? 'as a new agent' : `as ${agent_id}`
      throw new OgentError('FORBIDDEN', `This key is that of agent ${name}: it cannot register ${wanted}.`)
    }
    if (protocol_max < KEYED_PROTOCOL) {
      throw new OgentError(
        'FORBIDDEN',
        `Agent ${name} has a key, and so has to speak protocol ${KEYED_PROTOCOL} of the link or a later one.`,
      )
    }
    const identity = await this.identities.current(name)
    if (identity?.identity_id !== principal_id)
      throw new OgentError('UNAUTHORIZED', `The identity of agent ${name} is not known here.`)
    if (identity.revoked_at !== undefined) throw revoked(name)
  }

  async #admitByPassword({ agent_id }: Hello): Promise<void> {
    const identity = agent_id === undefined ? undefined : await this.identities.current(agent_id)
    if (identity?.revoked_at !== undefined) throw revoked(identity.agent_id)
    if (identity) {
      throw new OgentError(
        'FORBIDDEN',
        `Agent ${agent_id} has a key: no account can register it by a password. Start it with the state folder that has its key, or give this one another AGENT_ID.`,
      )
    }
    if (!this.#options.passwords) {
      throw new OgentError(
        'FORBIDDEN',
        'Agents cannot log in by a password here (AGENT_PASSWORDS is off): join this one by a join token, see ogent join-tokens create.',
      )
    }
  }

  #refused({ code, message }: OgentError, { agent_id }: Hello, actor: Actor): void {
    const { principal_id, kind, name, via, session_id, address } = actor
    this.#options.events.publish({
      type: 'audited',
      actor: { principal_id, kind, name, via, session_id },
      action: 'agents.link',
      object: agent_id === undefined ? 'agent' : `agent:${agent_id}`,
      verdict: 'denied',
      reason: message,
      ip: address,
      details: { code },
    })
  }
}
