import {
  createHash,
  createPrivateKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
} from 'node:crypto'
import { ASSERTION_TYPE, PROOF_SECONDS } from '../../shared/access/join.js'

/** The key of an agent: Ed25519, which never leaves its machine. */
export class AgentKey {
  /** 32 bytes as base64url. */
  readonly public_key: string
  /** Its JWK thumbprint (RFC 7638, RFC 8037), by which the controller calls it. */
  readonly kid: string
  readonly #private: KeyObject

  /** `secret`: as `AgentKey.secret` gave it. */
  constructor(secret: string) {
    this.#private = createPrivateKey({ key: Buffer.from(secret, 'base64url'), format: 'der', type: 'pkcs8' })
    // What is private about it is not asked for.
    this.public_key = String(this.#private.export({ format: 'jwk' }).x)
    this.kid = createHash('sha256')
      .update(`{"crv":"Ed25519","kty":"OKP","x":"${this.public_key}"}`)
      .digest('base64url')
  }

  /** A new key, as text. */
  static secret(): string {
    return generateKeyPairSync('ed25519')
      .privateKey.export({ format: 'der', type: 'pkcs8' })
      .toString('base64url')
  }

  sign(text: string): string {
    return sign(null, Buffer.from(text), this.#private).toString('base64url')
  }

  /** A JWT that proves for a minute that this key asks; `now` in ms since 1970. */
  assertion(of: { agent_id: string; audience: string; now: number; more: Record<string, string> }): string {
    const { agent_id, audience, now, more } = of
    const iat = Math.floor(now / 1000)
    const claims = { iss: agent_id, sub: agent_id, aud: audience, jti: nonce(), ...more }
    const header = { alg: 'EdDSA', typ: ASSERTION_TYPE, kid: this.kid }
    const text = [header, { ...claims, iat, exp: iat + PROOF_SECONDS - 5 }].map(encoded).join('.')
    return `${text}.${this.sign(text)}`
  }
}

/** When a proof that is made now ends, in seconds since 1970; `now` in ms. */
export function proofEnd(now: number): number {
  return Math.floor(now / 1000) + PROOF_SECONDS - 5
}

export function nonce(): string {
  return randomBytes(18).toString('base64url')
}

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url')
}
