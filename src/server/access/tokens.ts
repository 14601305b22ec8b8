import { errors, jwtVerify, SignJWT } from 'jose'
import { z } from 'zod'
import type { TokenReply } from '../../shared/access/identity.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import type { ProvenToken, TokenSubject, Tokens } from './ports.js'

const ISSUER = 'ogent'
const ALGORITHM = 'HS256'

/** Those without `uid` and `gen` were made by a controller of before. */
const claimsSchema = z.object({
  sub: z.string(),
  jti: z.string(),
  exp: z.number(),
  iat: z.number(),
  uid: z.string().optional(),
  gen: z.number().int().optional(),
  role: z.string().optional(),
  stamp: z.string().optional(),
})

/**
 * Bearer tokens as JWTs: HS256 and nothing else, issuer, audience, expiry and an id of their own, which is that of the login.
 * The audience is this deployment: another one that has the same key takes none of its tokens. None may live longer than this
 * one would give it.
 */
export class JwtTokens implements Tokens {
  readonly #key: Uint8Array
  readonly #seconds: number
  readonly #audience: string

  constructor(secret: string, expireMinutes: number, deployment: string) {
    this.#audience = `ogent:${deployment}`
    this.#key = new TextEncoder().encode(secret)
    this.#seconds = Math.round(expireMinutes * 60)
  }

  async issue({ username, role, stamp, user_id, session_id, generation }: TokenSubject): Promise<TokenReply> {
    const now = Math.floor(Date.now() / 1000)
    const access_token = await new SignJWT({ uid: user_id, sid: session_id, gen: generation, role, stamp })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setSubject(username)
      .setIssuer(ISSUER)
      .setAudience(this.#audience)
      .setIssuedAt(now)
      .setExpirationTime(now + this.#seconds)
      .setJti(session_id)
      .sign(this.#key)
    return { access_token, token_type: 'bearer', expires_in: this.#seconds }
  }

  async verify(token: string): Promise<ProvenToken> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.#audience,
        requiredClaims: ['exp', 'iat', 'sub', 'jti'],
      })
      const { sub, jti, exp, iat, uid, gen, role, stamp } = claimsSchema.parse(payload)
      if (exp - iat > this.#seconds) throw new Error('it lives longer than tokens may here')
      // One of both alone is of no token that was ever made here.
      if ((uid === undefined) !== (gen === undefined)) throw new Error('it is only half of a token')
      const times = { issued_at: iat * 1000, expires_at: exp * 1000 }
      return { username: sub, session_id: jti, ...times, user_id: uid, generation: gen, role, stamp }
    } catch (cause) {
      const expired = cause instanceof errors.JWTExpired
      const sentence = expired ? 'The token has expired.' : 'Could not validate credentials'
      throw new OgentError('UNAUTHORIZED', sentence, { cause: messageOf(cause) })
    }
  }
}
