import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { crc32 } from 'node:zlib'

/**
 * `ogt_<token id>_<43 characters of 32 random bytes>_<CRC-32 of all before it>`: scanners of sources find it by its beginning,
 * and one that was cut off or mistyped is recognised without a look.
 */
const PATTERN = /^(ogt_([0-9A-HJKMNP-TV-Z]{26})_[A-Za-z0-9_-]{43})_([0-9a-f]{8})$/

const PREFIX = 'ogt_'
const SECRET_BYTES = 32

export function looksLikeApiToken(token: string): boolean {
  return token.startsWith(PREFIX)
}

/** A token of this id, and what is kept of it. */
export function makeApiToken(token_id: string): { token: string; hash: string } {
  const body = `${PREFIX}${token_id}_${randomBytes(SECRET_BYTES).toString('base64url')}`
  const token = `${body}_${checksum(body)}`
  return { token, hash: digest(token).toString('base64url') }
}

/** The id in a token; undefined for one that is not whole. */
export function apiTokenId(token: string): string | undefined {
  const [, body = '', token_id, sum] = PATTERN.exec(token) ?? []
  return sum !== undefined && sum === checksum(body) ? token_id : undefined
}

/** Whether a token is the one of which this hash is kept. Its secret is of 256 random bits: no slow hash is needed. */
export function isApiToken(token: string, hash: string): boolean {
  const [actual, kept] = [digest(token), Buffer.from(hash, 'base64url')]
  return actual.length === kept.length && timingSafeEqual(actual, kept)
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

function checksum(body: string): string {
  return crc32(body).toString(16).padStart(8, '0')
}
