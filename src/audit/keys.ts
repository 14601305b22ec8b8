import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

/** A key of the audit: Ed25519, of which the private part never leaves its controller. */
export type AuditKey = {
  /** Names the key: see `kidOf`. */
  kid: string
  /** The 32 bytes of the public part, in base64url. */
  public_key: string
  /** The signature of a text, in base64url. */
  sign(text: string): string
}

/** A new key, as PEM text. */
export function newKeyText(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
}

/** Throws for a text that holds no private Ed25519 key. */
export function auditKeyOf(pem: string): AuditKey {
  const key = createPrivateKey(pem)
  const { x: public_key, crv } = createPublicKey(key).export({ format: 'jwk' })
  if (crv !== 'Ed25519' || public_key === undefined) throw new Error('The key is none of Ed25519.')
  return {
    kid: kidOf(public_key),
    public_key,
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64url'),
  }
}

/** The name of a key follows from its public part: who knows the name knows the key. 128 bits of SHA-256, in base64url. */
export function kidOf(public_key: string): string {
  return createHash('sha256')
    .update(Buffer.from(public_key, 'base64url'))
    .digest()
    .subarray(0, 16)
    .toString('base64url')
}

/** Whether a signature of this text is one by that key; false for what is no key. */
export function isSignedBy(public_key: string, text: string, signature: string): boolean {
  const key = publicKeyOf(public_key)
  return key !== undefined && verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64url'))
}

function publicKeyOf(x: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' })
  } catch {
    return undefined
  }
}
