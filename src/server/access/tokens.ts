import { randomUUID } from 'node:crypto'
import { errors, jwtVerify, SignJWT } from 'jose'
import { identitySchema, type TokenReply } from '../../shared/access/identity.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import type { Caller } from '../transport/caller.js'
import type { TokenSubject, Tokens } from './ports.js'

const ISSUER = 'ogent'
const ALGORITHM = 'HS256'

/**
 * Bearer tokens as JWTs: HS256 and nothing else, issuer, audience, expiry and an id of their own. The audience is this
 * deployment: another one that has the same key takes none of its tokens. None may live longer than this one would give it.
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

  async issue({ username, role, stamp }: TokenSubject): Promise<TokenReply> {
    const now = Math.floor(Date.now() / 1000)
    const access_token = await new SignJWT({ role, stamp })
      .setProtectedHeader({ alg: ALGORITHM, typ: 'JWT' })
      .setSubject(username)
      .setIssuer(ISSUER)
      .setAudience(this.#audience)
      .setIssuedAt(now)
      .setExpirationTime(now + this.#seconds)
      .setJti(randomUUID())
      .sign(this.#key)
    return { access_token, token_type: 'bearer', expires_in: this.#seconds }
  }

  async verify(token: string): Promise<Caller> {
    try {
      const { payload } = await jwtVerify(token, this.#key, {
        algorithms: [ALGORITHM],
        issuer: ISSUER,
        audience: this.#audience,
        requiredClaims: ['exp', 'iat', 'sub', 'jti'],
      })
      const { username, role } = identitySchema.parse({ username: payload.sub, role: payload.role })
      const { exp = 0, iat = 0, jti = '', stamp } = payload
      if (exp - iat > this.#seconds) throw new Error('it lives longer than tokens may here')
      const proven: Caller = {
        principal_id: username,
        kind: 'user',
        name: username,
        roles: [role],
        via: 'password',
        session_id: jti,
        authenticated_at: iat * 1000,
        expires_at: exp * 1000,
      }
      // Absent in the tokens of controllers of before, and of accounts that are not stored.
      return typeof stamp === 'string' ? { ...proven, stamp } : proven
    } catch (cause) {
      const expired = cause instanceof errors.JWTExpired
      const sentence = expired ? 'The token has expired.' : 'Could not validate credentials'
      throw new OgentError('UNAUTHORIZED', sentence, { cause: messageOf(cause) })
    }
  }
}
