import { createHmac, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import type { Passwords } from './ports.js'

// OWASP's password storage advice for scrypt: N = 2^15 with r = 8, p = 3; 32 MiB for the time of one hash.
const COST = { N: 2 ** 15, r: 8, p: 3 }
const KEY_BYTES = 32
const MAX_MEMORY = 64 * 1024 * 1024
/**
 * Passwords that proved right and are recognised again without a new hash, enough for a fleet whose agents have an
 * account each; the one used longest ago goes first.
 */
const REMEMBERED = 10_000

/** `scrypt$N$r$p$salt$key`, base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(password, salt, COST)
  return formatHash(salt, key)
}

/** Passwords kept as scrypt hashes. */
export class ScryptPasswords implements Passwords {
  readonly #processKey = randomBytes(32)
  readonly #proven = new LRUCache<string, Buffer>({ max: REMEMBERED })
  /** What an unknown user is compared with, so that the answer takes as long: the hash of no password. */
  readonly #unmatched = formatHash(randomBytes(16), randomBytes(KEY_BYTES))

  async verify(password: string, hash: string | undefined): Promise<boolean> {
    if (hash !== undefined && this.isProven(password, hash)) return true
    const right = await compare(password, hash ?? this.#unmatched)
    if (!right || hash === undefined) return false
    this.#proven.set(hash, this.#digest(password))
    return true
  }

  isProven(password: string, hash: string): boolean {
    const proven = this.#proven.get(hash)
    return proven !== undefined && timingSafeEqual(proven, this.#digest(password))
  }

  /** With a key that is never stored: what is remembered says nothing outside of this process. */
  #digest(password: string): Buffer {
    return createHmac('sha256', this.#processKey).update(password).digest()
  }
}

function formatHash(salt: Buffer, key: Buffer): string {
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

async function compare(password: string, hash: string): Promise<boolean> {
  const [scheme, n, r, p, salt, key] = hash.split('$')
  if (scheme !== 'scrypt' || salt === undefined || key === undefined) return false
  const expected = Buffer.from(key, 'base64url')
  const cost = { N: Number(n), r: Number(r), p: Number(p) }
  const actual = await derive(password, Buffer.from(salt, 'base64url'), cost)
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function derive(password: string, salt: Buffer, cost: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, KEY_BYTES, { ...cost, maxmem: MAX_MEMORY }, (error, key) => {
      if (error) reject(error)
      else resolve(key)
    })
  })
}
