import { createHash, createPublicKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import type { KeyProof } from '../../../shared/access/join.js'
import { PROOF_SECONDS } from '../../../shared/access/join.js'
import { OgentError } from '../../../shared/errors.js'

/** Keys of agents, as the controller knows them: Ed25519 public keys of 32 bytes, in base64url. */

/** How far the clock of an agent may be off, in seconds. */
export const CLOCK_SECONDS = 30

/** The id of a key: its JWK thumbprint (RFC 7638, RFC 8037). */
export function kidOf(public_key: string): string {
  return createHash('sha256').update(`{"crv":"Ed25519","kty":"OKP","x":"${public_key}"}`).digest('base64url')
}

/** Throws VALIDATION_FAILED for what is no key. */
export function keyObjectOf(public_key: string): KeyObject {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: public_key }, format: 'jwk' })
  } catch (cause) {
    const msg = 'is no Ed25519 public key'
    const issues = [{ loc: ['body', 'public_key'], msg, type: 'invalid_key' }]
    throw new OgentError('VALIDATION_FAILED', `public_key: ${msg}`, { issues, cause })
  }
}

/** Throws UNAUTHORIZED where a proof has expired, lives too long, or was not signed by the key. */
export function checkProof(text: string, public_key: string, { expires_at, signature }: KeyProof): void {
  const key = keyObjectOf(public_key)
  const left = expires_at - Date.now() / 1000
  if (left < -CLOCK_SECONDS || left > PROOF_SECONDS + CLOCK_SECONDS) {
    throw new OgentError(
      'UNAUTHORIZED',
      'The proof of the key is not of now: set the clock of this machine, which differs from that of the controller.',
    )
  }
  if (!verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))) {
    throw new OgentError('UNAUTHORIZED', 'The proof was not signed by the key that it is for.')
  }
}

export function hashOfSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex')
}

export function isSecretOf(hash: string, secret: string): boolean {
  return timingSafeEqual(Buffer.from(hash, 'hex'), Buffer.from(hashOfSecret(secret), 'hex'))
}
