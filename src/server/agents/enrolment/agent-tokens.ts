import { randomUUID } from 'node:crypto'
import { decodeProtectedHeader, errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import {
  type AgentTokenReply,
  type AgentTokenRequest,
  audienceOf,
  type OrderKey,
  rotationProofText,
} from '../../../shared/access/join.js'
import { messageOf, OgentError } from '../../../shared/errors.js'
import type { Events } from '../../events.js'
import type { Caller } from '../../transport/caller.js'
import { type Assertion, Assertions } from './assertions.js'
import { type AgentIdentity, type Identities, isInUse } from './identities.js'
import { principalOf, revoked } from './joining.js'
import { checkProof, kidOf } from './keys.js'
import type { EnrolmentRows } from './rows.js'
import type { ProofThrottle } from './throttle.js'

/** How long a token of an agent lives, in seconds. */
const TOKEN_SECONDS = 300
/** How long a key holds after another one followed it, in ms. */
const BOTH_MS = 24 * 3600 * 1000
/** How old a key may become, in ms. */
const ROTATE_MS = 90 * 24 * 3600 * 1000

/** Tells a token of an agent from one of an account. */
const TOKEN_TYPE = 'ogent-agent+jwt'
const ALGORITHM = 'HS256'
const ISSUER = 'ogent'

const claimsSchema = z.object({
  sub: z.string(),
  iid: z.string(),
  kid: z.string(),
  fpr: z.string(),
  jti: z.string(),
  exp: z.number(),
})

export type AgentTokensOptions = {
  rows: EnrolmentRows
  identities: Identities
  throttle: ProofThrottle
  events: Events
  installation: string
  /** The key that signs tokens. */
  secret: string
  orderKeys: () => OrderKey[]
}

type Open = { caller: Caller; end: () => void }

/** Tokens of agents that have a key: for five minutes each, for an assertion that the key has signed. */
export class AgentTokens {
  readonly #options: AgentTokensOptions
  readonly #assertions: Assertions
  readonly #key: Uint8Array
  readonly #audience: string
  readonly #open = new Map<string, Set<Open>>()
  readonly #unlisten: () => void

  constructor(options: AgentTokensOptions) {
    this.#options = options
    this.#assertions = new Assertions(options)
    this.#key = new TextEncoder().encode(options.secret)
    this.#audience = audienceOf(options.installation)
    this.#unlisten = options.identities.onChange((agent_id) => this.#review(agent_id))
  }

  /**
   * A token for an assertion; with a new key, which follows the one that has signed. Throws UNAUTHORIZED, AGENT_REVOKED, AGENT_CLONED,
   * RATE_LIMITED, UNAVAILABLE.
   */
  async issue(request: AgentTokenRequest, address: string): Promise<AgentTokenReply> {
    let proven: AgentIdentity | undefined
    const issue = async () => {
      const { identity, kid, assertion } = await this.#assertions.prove(request.assertion, (each) => {
        proven = each
      })
      const current = request.new_key ? await this.#rotate(identity, request, assertion, address) : identity
      return { current, kid: request.new_key ? kidOf(request.new_key.public_key) : kid }
    }
    const { current, kid } = await this.#options.throttle.of(address, issue, (refusal) =>
      this.#refused(refusal, proven, address),
    )
    return {
      access_token: await this.#sign(current, kid),
      token_type: 'bearer',
      expires_in: TOKEN_SECONDS,
      kid,
      rotate: isOld(current, kid),
      order_keys: this.#options.orderKeys(),
    }
  }

  /** Whether a token is of an agent, as far as it says it itself. */
  isAgentToken(token: string): boolean {
    try {
      return decodeProtectedHeader(token).typ === TOKEN_TYPE
    } catch {
      return false
    }
  }

  /** Who a token proves; `address`: the IP address that it came from. */
  async identify(token: string, address: string): Promise<Caller | OgentError> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.#audience,
        typ: TOKEN_TYPE,
      })
      const { sub, iid, kid, fpr, jti, exp } = claimsSchema.parse(payload)
      const caller: Caller = {
        principal_id: iid,
        kind: 'agent',
        name: sub,
        roles: ['agent'],
        via: 'agent_key',
        session_id: jti,
        stamp: stampOf(kid, fpr),
        expires_at: exp * 1000,
        address,
      }
      return this.#fault(caller) ?? caller
    } catch (cause) {
      const sentence =
        cause instanceof errors.JWTExpired ? 'The token has expired.' : 'Could not validate credentials'
      return new OgentError('UNAUTHORIZED', sentence, { cause: messageOf(cause) })
    }
  }

  /** Calls `end` once, soon after the token has lost what it was given for, until the returned function is called. */
  watch(caller: Caller, end: () => void): () => void {
    const open: Open = { caller, end }
    const all = this.#open.get(caller.name) ?? new Set()
    this.#open.set(caller.name, all.add(open))
    return () => {
      all.delete(open)
      if (all.size === 0 && this.#open.get(caller.name) === all) this.#open.delete(caller.name)
    }
  }

  close(): void {
    this.#unlisten()
  }

  #review(agent_id: string): void {
    for (const open of [...(this.#open.get(agent_id) ?? [])]) {
      if (!this.#fault(open.caller)) continue
      this.#open.get(agent_id)?.delete(open)
      open.end()
    }
  }

  /** Why a token opens nothing any more. */
  #fault({ name, principal_id, stamp }: Caller): OgentError | undefined {
    const identity = this.#options.identities.get(name)
    if (identity?.identity_id !== principal_id) {
      return new OgentError('UNAUTHORIZED', `The identity of agent ${name} is not known here.`)
    }
    if (identity.revoked_at !== undefined) return revoked(name)
    const fpr = shortFingerprint(identity)
    const isGood = identity.keys.some((key) => isInUse(key) && stampOf(key.kid, fpr) === stamp)
    return isGood
      ? undefined
      : new OgentError('UNAUTHORIZED', `Agent ${name} has another key or machine now.`)
  }

  async #rotate(
    { agent_id, identity_id }: AgentIdentity,
    { new_key }: AgentTokenRequest,
    { new_kid }: Assertion,
    ip: string,
  ): Promise<AgentIdentity> {
    if (!new_key) throw new OgentError('BAD_REQUEST', 'There is no new key.')
    const { public_key, proof } = new_key
    const { nonce, expires_at } = proof
    const kid = kidOf(public_key)
    if (kid !== new_kid)
      throw new OgentError('UNAUTHORIZED', 'The assertion does not name the new key as its new_kid.')
    const audience = this.#audience
    checkProof(rotationProofText({ audience, nonce, expires_at, public_key, identity_id }), public_key, proof)
    const rotated = await this.#options.identities.change(
      agent_id,
      (now) => {
        if (now?.identity_id !== identity_id || now.revoked_at !== undefined) throw revoked(agent_id)
        // The reply to an earlier call was lost.
        if (now.keys.some((key) => key.kid === kid)) return undefined
        const retired_at = new Date(Date.now() + BOTH_MS).toISOString()
        const before = now.keys
          .filter(isInUse)
          .map((key) => ({ ...key, retired_at: key.retired_at ?? retired_at }))
        const since = new Date().toISOString()
        return { ...now, keys: [...before.slice(-3), { kid, public_key, since }] }
      },
      (now) =>
        this.#options.events.publish({
          type: 'audited',
          actor: principalOf(now, kid),
          action: 'agents.rotate',
          object: `agent:${agent_id}`,
          verdict: 'allowed',
          reason: '',
          ip,
          details: { kid },
        }),
    )
    if (!rotated) throw new OgentError('UNAUTHORIZED', 'The identity is not known any more.')
    return rotated
  }

  #sign(identity: AgentIdentity, kid: string): Promise<string> {
    const now = Math.floor(Date.now() / 1000)
    return new SignJWT({ iid: identity.identity_id, kid, fpr: shortFingerprint(identity) })
      .setProtectedHeader({ alg: ALGORITHM, typ: TOKEN_TYPE })
      .setSubject(identity.agent_id)
      .setIssuer(ISSUER)
      .setAudience(this.#audience)
      .setIssuedAt(now)
      .setExpirationTime(now + TOKEN_SECONDS)
      .setJti(randomUUID())
      .sign(this.#key)
  }

  #refused(refusal: OgentError, proven: AgentIdentity | undefined, ip: string): void {
    this.#options.events.publish({
      type: 'audited',
      actor: proven && principalOf(proven, proven.identity_id),
      action: 'agents.token',
      object: proven ? `agent:${proven.agent_id}` : 'agent',
      verdict: 'denied',
      reason: refusal.message,
      ip,
      details: { code: refusal.code },
    })
  }
}

function shortFingerprint({ fingerprint = '' }: AgentIdentity): string {
  return fingerprint.slice(0, 16)
}

function stampOf(kid: string, fpr: string): string {
  return `${kid} ${fpr}`
}

function isOld({ keys, rotate_before }: AgentIdentity, kid: string): boolean {
  const since = Date.parse(keys.find((key) => key.kid === kid)?.since ?? '')
  return since < Math.max(Date.now() - ROTATE_MS, rotate_before === undefined ? 0 : Date.parse(rotate_before))
}
