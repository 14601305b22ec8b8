import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose'
import { z } from 'zod'
import { ASSERTION_TYPE, audienceOf, PROOF_SECONDS } from '../../../shared/access/join.js'
import { messageOf, OgentError } from '../../../shared/errors.js'
import { type AgentIdentity, type Identities, isInUse } from './identities.js'
import { revoked } from './joining.js'
import { CLOCK_SECONDS, keyObjectOf } from './keys.js'
import type { EnrolmentRows } from './rows.js'

const assertionSchema = z.object({
  jti: z.string().regex(/^[A-Za-z0-9_-]{16,64}$/),
  exp: z.number(),
  iat: z.number(),
  fpr: z.string().optional(),
  new_kid: z.string().optional(),
})
export type Assertion = z.infer<typeof assertionSchema>

/** What is kept as the fingerprint of a machine that gives none. */
export const NO_FINGERPRINT = 'none'

export type AssertionsOptions = { rows: EnrolmentRows; identities: Identities; installation: string }

/** What agents sign to get a token: each once, for this installation, for a minute. */
export class Assertions {
  readonly #options: AssertionsOptions

  constructor(options: AssertionsOptions) {
    this.#options = options
  }

  /**
   * Who has signed an assertion; `onIdentity` hears of it before the agent is refused for what it is. Throws UNAUTHORIZED, AGENT_REVOKED,
   * AGENT_CLONED.
   */
  async prove(text: string, onIdentity: (identity: AgentIdentity) => void) {
    const { identity, kid, assertion } = await this.#verify(text)
    onIdentity(identity)
    const { agent_id } = identity
    const until = (assertion.exp + CLOCK_SECONDS) * 1000
    if (!(await this.#options.rows.spend(`assertion:${identity.identity_id}:${assertion.jti}`, until)))
      throw new OgentError('UNAUTHORIZED', 'This assertion was used before: make a new one for each token.')
    if (identity.revoked_at !== undefined) throw revoked(agent_id)
    if (identity.fingerprint !== undefined && identity.fingerprint !== assertion.fpr) {
      await this.#noteClone(identity, assertion.fpr)
      throw new OgentError(
        'AGENT_CLONED',
        `The key of agent ${agent_id} is on another machine than the one that joined. Empty the state folder of a copy and join it by a join token; where the hardware was changed, an admin accepts it: ogent agents accept-machine ${agent_id}.`,
      )
    }
    return { identity, kid, assertion }
  }

  /** By the key that the identity has: what the assertion says of itself only tells where to look. */
  async #verify(text: string): Promise<{ identity: AgentIdentity; kid: string; assertion: Assertion }> {
    try {
      const { sub } = decodeJwt(text)
      const { kid } = decodeProtectedHeader(text)
      const identity = sub === undefined ? undefined : await this.#options.identities.current(sub)
      const key = identity?.keys.find((each) => each.kid === kid)
      if (!identity || !key || !isInUse(key)) throw new Error('no such key')
      const { payload } = await jwtVerify(text, keyObjectOf(key.public_key), {
        algorithms: ['EdDSA'],
        typ: ASSERTION_TYPE,
        issuer: identity.agent_id,
        subject: identity.agent_id,
        audience: audienceOf(this.#options.installation),
        clockTolerance: CLOCK_SECONDS,
        requiredClaims: ['exp', 'iat', 'jti'],
      })
      const assertion = assertionSchema.parse(payload)
      if (assertion.exp - assertion.iat > PROOF_SECONDS) throw new Error('it lives too long')
      if (assertion.exp * 1000 > Date.now() + (PROOF_SECONDS + CLOCK_SECONDS) * 1000)
        throw new errors.JWTClaimValidationFailed('it is of later', payload, 'iat', 'check_failed')
      return { identity, kid: key.kid, assertion }
    } catch (cause) {
      if (cause instanceof OgentError) throw cause
      const isTime =
        cause instanceof errors.JWTExpired ||
        (cause instanceof errors.JWTClaimValidationFailed && ['iat', 'nbf'].includes(cause.claim))
      const sentence = isTime
        ? 'The assertion is not of now: set the clock of this machine, which differs from that of the controller.'
        : 'The controller does not know the key of this agent, or the assertion was not made for it.'
      throw new OgentError('UNAUTHORIZED', sentence, { cause: messageOf(cause) })
    }
  }

  async #noteClone({ agent_id, identity_id }: AgentIdentity, fingerprint: string | undefined): Promise<void> {
    await this.#options.identities.change(agent_id, (now) => {
      const seen = fingerprint ?? NO_FINGERPRINT
      if (now?.identity_id !== identity_id || now.refused_fingerprint === seen) return undefined
      return { ...now, refused_fingerprint: seen }
    })
  }
}
