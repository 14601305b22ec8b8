/** The known hosts file: format of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT". */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export type HostVerdict = 'trusted' | 'changed' | 'revoked' | 'unknown'

/** What the file says of a key that this host has shown. `changed`: it names another key of the same type. */
export function judgeHostKey(file: string, host: string, port: number, key: Buffer): HostVerdict {
  const shown = key.toString('base64')
  const type = keyTypeOf(key)
  const entries = entriesFor(file, host, port)
  if (entries.some((entry) => entry.revoked && entry.key === shown)) return 'revoked'
  const trusted = entries.filter((entry) => !entry.revoked)
  if (trusted.some((entry) => entry.key === shown)) return 'trusted'
  return trusted.some((entry) => entry.type === type) ? 'changed' : 'unknown'
}

/** The key types by which the file knows this host, so that the server is asked for one of them first. */
export function knownKeyTypes(file: string, host: string, port: number): string[] {
  const known = entriesFor(file, host, port).filter((entry) => !entry.revoked)
  return [...new Set(known.map((entry) => entry.type))]
}

/** The line that would make the file trust this key. */
export function knownHostsLine(host: string, port: number, key: Buffer): string {
  return `${hostName(host, port)} ${keyTypeOf(key)} ${key.toString('base64')}`
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

/** A key begins with its type as a string behind its length (RFC 4253, section 6.6). */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return ''
  const length = key.readUInt32BE(0)
  return key.length < 4 + length ? '' : key.toString('latin1', 4, 4 + length)
}

type Entry = { revoked: boolean; type: string; key: string }

function entriesFor(file: string, host: string, port: number): Entry[] {
  const name = hostName(host, port)
  return file.split('\n').flatMap((line) => {
    const words = line.trim().split(/\s+/)
    const mark = words[0]?.startsWith('@') ? words.shift() : undefined
    // Certificates of hosts are not offered to the server, so an authority's line says nothing here.
    if (mark !== undefined && mark !== '@revoked') return []
    const [hosts, type, key] = words
    if (!hosts || hosts.startsWith('#') || !type || !key || !matches(hosts, name)) return []
    return [{ revoked: mark === '@revoked', type, key: padded(key) }]
  })
}

function hostName(host: string, port: number): string {
  const name = host.toLowerCase()
  return port === 22 ? name : `[${name}]:${port}`
}

function matches(hosts: string, name: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(hosts, name)
  let found = false
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!')
    if (!wildcard(negated ? pattern.slice(1) : pattern).test(name)) continue
    // A negated match rules the whole line out, regardless of what else is on it.
    if (negated) return false
    found = true
  }
  return found
}

/** `|1|salt|hash`, both base64; the hash is HMAC-SHA1 of the name under the salt. */
function matchesHash(hosts: string, name: string): boolean {
  const [, version, salt, hash] = hosts.split('|')
  if (version !== '1' || !salt || !hash) return false
  const expected = Buffer.from(hash, 'base64')
  const actual = createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest()
  return expected.length === actual.length && timingSafeEqual(expected, actual)
}

function wildcard(pattern: string): RegExp {
  const source = pattern.replace(/[.*+?^${}()|[\]\\]/g, (sign) => {
    if (sign === '*') return '.*'
    return sign === '?' ? '.' : `\\${sign}`
  })
  return new RegExp(`^${source}$`)
}

function padded(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64')
}
