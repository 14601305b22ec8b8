import type { TokenReply } from '../../shared/access/identity.js'
import {
  agentJoinReplySchema,
  agentTokenReplySchema,
  audienceOf,
  type JoinTokenParts,
  joinProofText,
  type OrderKey,
  parseJoinToken,
  rotationProofText,
} from '../../shared/access/join.js'
import type { AgentInfo } from '../../shared/agents/agent.js'
import { type ErrorCode, OgentError } from '../../shared/errors.js'
import type { Log } from '../commands/ports.js'
import { AgentKey, nonce, proofEnd } from './key.js'
import type { KeyFile, KeyState } from './key-file.js'
import { findPinned, type Pinned } from './pin.js'
import { isPassing, postJson, Refused, type Trust } from './requests.js'

/** A clock that differs from the controller's by so much has its proofs refused, in ms. */
const CLOCK_MS = 10_000

export type AgentEnrolmentOptions = {
  url: string
  /** What CONTROLLER_CA names, PEM. */
  ca: string | undefined
  file: KeyFile
  /** A join token; of no use any more once the agent has joined. */
  joinToken: string | undefined
  /** The id to ask for at the join; undefined: the controller issues one. */
  wantedId: string | undefined
  info: () => AgentInfo
  /** SHA-256 of what tells this machine from others. */
  fingerprint: string | undefined
  log: Log
}

/** The key of this agent and what it proves with it: it joins once, and takes a token for each few minutes. */
export class AgentEnrolment {
  readonly #options: AgentEnrolmentOptions
  readonly #joinToken: (JoinTokenParts & { text: string }) | undefined
  #state: KeyState
  #key: AgentKey
  #pinned: Pinned | undefined
  /** How far the controller's clock is ahead of this one, in ms. */
  #clockMs = 0
  /** The id that this machine had by a key that opens nothing here any more: it is not given again. */
  #lostId: string | undefined
  /** Whether it has been refused for good. */
  #isFinal = false

  private constructor(options: AgentEnrolmentOptions, state: KeyState) {
    this.#options = options
    this.#state = state
    this.#key = new AgentKey(state.secret)
    const parts = options.joinToken === undefined ? undefined : parseJoinToken(options.joinToken)
    this.#joinToken = parts && { ...parts, text: options.joinToken ?? '' }
  }

  /** Undefined where this agent has neither a key that has joined nor a join token: it logs in by a password. */
  static open(options: AgentEnrolmentOptions): AgentEnrolment | undefined {
    const { file, joinToken } = options
    const kept = file.read()
    if (!kept?.identity && joinToken === undefined) return undefined
    const state = kept ?? { secret: AgentKey.secret() }
    // Kept before it is sent: after a lost reply the same key has to be there.
    if (!kept) file.write(state)
    return new AgentEnrolment(options, state)
  }

  /** Undefined until it has joined. */
  get agent_id(): string | undefined {
    return this.#state.identity?.agent_id
  }

  /** The keys by which its controller signs orders. */
  get orderKeys(): readonly OrderKey[] {
    return this.#state.identity?.order_keys ?? []
  }

  /** By what the controller is trusted: by CONTROLLER_CA, else by what the join token named, else by what Node.js trusts. */
  get trust(): Trust {
    const { ca } = this.#options
    const { pinned } = this.#state
    if (ca !== undefined || pinned === undefined) return { ca, anchored: false }
    return { ca: pinned, anchored: true }
  }

  /** Whether to try again would be of no use. */
  isFinal(code: ErrorCode | undefined): boolean {
    return this.#isFinal || code === 'AGENT_REVOKED' || code === 'TOKEN_EXHAUSTED'
  }

  /**
   * A token; it joins before that, where it has not joined yet, and anew where this machine has a copy of another's key, or a key that
   * was revoked, and a join token of its own.
   */
  async ask(): Promise<TokenReply> {
    if (!this.#state.identity) await this.#join()
    try {
      return await this.#token()
    } catch (error) {
      const code = error instanceof OgentError ? error.code : undefined
      const isOut = code === 'AGENT_CLONED' || code === 'AGENT_REVOKED'
      if (!isOut || !this.#joinToken || this.#joinToken.token_id === this.#state.join_token) throw error
      this.#options.log.warn({ code }, 'this key opens nothing here: joining anew, with a new key and id')
      await this.#joinAnew()
      return this.#token()
    }
  }

  /** With another key. The one before stays where that is refused: an admin may still accept this machine. */
  async #joinAnew(): Promise<void> {
    const before = this.#state
    this.#lostId = before.identity?.agent_id
    this.#keep({ secret: AgentKey.secret() })
    try {
      await this.#join()
    } catch (error) {
      if (this.#isFinal) this.#keep(before)
      throw error
    }
  }

  /** By the join token. A refusal that does not pass is final: the next try would be refused as well. */
  async #join(): Promise<void> {
    try {
      await this.#joinOnce()
    } catch (error) {
      this.#isFinal = error instanceof OgentError && !isPassing(error)
      throw error
    }
  }

  async #joinOnce(): Promise<void> {
    const { fingerprint, info, url, ca, wantedId } = this.#options
    const agent_id = wantedId === this.#lostId ? undefined : wantedId
    const parts = this.#joinToken
    if (!parts) throw new OgentError('UNAUTHORIZED', 'This agent has not joined, and has no join token.')
    const { token_id, installation, text: token, pin } = parts
    const isTls = new URL(url).protocol === 'https:'
    if (pin !== undefined && !isTls) {
      throw new OgentError(
        'FORBIDDEN',
        'The join token names a certificate, and CONTROLLER_URL is not encrypted: it takes the https:// address of the controller.',
      )
    }
    if (pin !== undefined) this.#pinned = await findPinned(url, pin, ca)
    const trust: Trust = this.#pinned ? { ca: this.#pinned.pem, anchored: true } : { ca, anchored: false }
    this.#keep({ ...this.#state, join_token: token_id })
    const key = this.#key
    const { public_key } = key
    const body = () => {
      const said = { nonce: nonce(), expires_at: proofEnd(this.#now()) }
      const audience = audienceOf(installation)
      const text = joinProofText({ ...said, audience, token_id, public_key, agent_id, fingerprint })
      const proof = { ...said, signature: key.sign(text) }
      return { token, public_key, proof, info: info(), ...given({ agent_id, fingerprint }) }
    }
    const reply = agentJoinReplySchema.parse(await this.#post('agents/join', body, trust))
    const { identity_id, audience, order_keys } = reply
    const pinned = this.#pinned && !this.#pinned.isTrusted ? { pinned: this.#pinned.pem } : {}
    const identity = { agent_id: reply.agent_id, identity_id, audience, order_keys }
    this.#keep({ secret: this.#state.secret, join_token: token_id, identity, ...pinned })
    this.#options.log.info(
      { identity_id, kid: key.kid },
      'joined: from now on the key of this agent is enough',
    )
  }

  async #token(): Promise<TokenReply> {
    const reply = await this.#tokenBy(this.#key)
    if (!reply.rotate) return reply
    try {
      return await this.#rotate()
    } catch (error) {
      // The key that is there goes on for now.
      this.#options.log.warn({ err: error }, 'the key of this agent was not replaced')
      return reply
    }
  }

  async #tokenBy(key: AgentKey, next?: AgentKey) {
    const { identity } = this.#state
    if (!identity) throw new OgentError('UNAUTHORIZED', 'This agent has not joined.')
    const { agent_id, audience, identity_id } = identity
    const { fingerprint } = this.#options
    const body = () => {
      const more = given({ fpr: fingerprint, new_kid: next?.kid })
      const assertion = key.assertion({ agent_id, audience, now: this.#now(), more })
      if (!next) return { assertion }
      const { public_key } = next
      const said = { nonce: nonce(), expires_at: proofEnd(this.#now()) }
      const text = rotationProofText({ ...said, audience, public_key, identity_id })
      return { assertion, new_key: { public_key, proof: { ...said, signature: next.sign(text) } } }
    }
    const reply = agentTokenReplySchema.parse(await this.#post('agents/token', body, this.trust))
    const { order_keys } = reply
    if (JSON.stringify(order_keys) !== JSON.stringify(identity.order_keys))
      this.#keep({ ...this.#state, identity: { ...identity, order_keys } })
    return reply
  }

  /** The new key is kept before it is sent, and the same one is sent again after a reply that was lost. */
  async #rotate(): Promise<TokenReply> {
    const secret = this.#state.next_secret ?? AgentKey.secret()
    this.#keep({ ...this.#state, next_secret: secret })
    const reply = await this.#tokenBy(this.#key, new AgentKey(secret))
    const { next_secret: _next, ...rest } = this.#state
    this.#keep({ ...rest, secret })
    this.#options.log.info({ kid: reply.kid }, 'the key of this agent was replaced by a new one')
    return reply
  }

  /** Once more by the controller's clock, where this machine's differs so much that proofs are refused. */
  async #post(path: string, body: () => object, trust: Trust): Promise<unknown> {
    const { url } = this.#options
    try {
      return (await postJson(url, path, body(), trust)).reply
    } catch (error) {
      if (!(error instanceof Refused)) throw error
      const before = this.#clockMs
      if (error.date !== undefined) this.#clockMs = error.date - Date.now()
      const isClock = Math.abs(this.#clockMs - before) > CLOCK_MS
      if (error.error.code !== 'UNAUTHORIZED' || !isClock) throw error.error
    }
    try {
      return (await postJson(url, path, body(), trust)).reply
    } catch (error) {
      throw error instanceof Refused ? error.error : error
    }
  }

  #now(): number {
    return Date.now() + this.#clockMs
  }

  #keep(state: KeyState): void {
    this.#options.file.write(state)
    this.#state = state
    this.#key = new AgentKey(state.secret)
  }
}

/** Without those that are undefined. */
function given<T extends Record<string, string | undefined>>(fields: T): Record<string, string> {
  const there = Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return Object.fromEntries(there)
}
