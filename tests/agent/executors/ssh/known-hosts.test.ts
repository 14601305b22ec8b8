import { createHash, createHmac } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  fingerprintOf,
  judgeHostKey,
  keyTypeOf,
  knownHostsLine,
  knownKeyTypes,
} from '../../../../src/agent/executors/ssh/known-hosts.js'

function keyOf(type: string, body: string): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(type.length)
  return Buffer.concat([length, Buffer.from(type), Buffer.from(body)])
}

const key = keyOf('ssh-ed25519', 'the right one')
const other = keyOf('ssh-ed25519', 'another one')
const rsa = keyOf('ssh-rsa', 'of another type')
const text = key.toString('base64')

function hashed(name: string): string {
  const salt = createHash('sha1').update(name).digest()
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

describe('a known hosts file', () => {
  test.each([
    ['by name', `web ssh-ed25519 ${text}`, 'web', 22],
    ['by name in other letters', `WEB ssh-ed25519 ${text}`, 'Web', 22],
    ['among several names', `a,web,10.0.0.1 ssh-ed25519 ${text} a comment`, 'web', 22],
    ['with its port', `[web]:2222 ssh-ed25519 ${text}`, 'web', 2222],
    ['by its hash', `${hashed('web')} ssh-ed25519 ${text}`, 'web', 22],
    ['by its hash with its port', `${hashed('[web]:2222')} ssh-ed25519 ${text}`, 'web', 2222],
    ['by wildcards', `*.example.?om ssh-ed25519 ${text}`, 'web.example.com', 22],
    [
      'behind other lines',
      `# web\n\n@cert-authority web ssh-ed25519 AAAA\nx y\n  web ssh-ed25519 ${text}\r`,
      'web',
      22,
    ],
    ['by its second key', `web ssh-ed25519 ${other.toString('base64')}\nweb ssh-ed25519 ${text}`, 'web', 22],
  ])('trusts a host %s', (_, file, host, port) => {
    expect(judgeHostKey(file, host, port, key)).toBe('trusted')
  })

  test.each([
    ['of another name', `web2 ssh-ed25519 ${text}`],
    ['of another port', `[web]:2222 ssh-ed25519 ${text}`],
    ['of another hash', `${hashed('web2')} ssh-ed25519 ${text}`],
    ['of an unknown kind of hash', `${hashed('web').replace('|1|', '|2|')} ssh-ed25519 ${text}`],
    ['ruled out by a negation', `w*,!web ssh-ed25519 ${text}`],
    ['of a certificate authority', `@cert-authority * ssh-ed25519 ${text}`],
    ['with a dot that is no wildcard', `w.b ssh-ed25519 ${text}`],
    ['cut short', 'web ssh-ed25519'],
    ['with an unknown mark', `@trusted web ssh-ed25519 ${text}`],
    ['in an empty file', ''],
    ['of another key type', `web ssh-rsa ${rsa.toString('base64')}`],
  ])('does not accept a host by a line %s', (_, file) => {
    expect(judgeHostKey(file, 'web', 22, key)).toBe('unknown')
  })

  test('distinguishes a changed key from an unknown one', () => {
    expect(judgeHostKey(`web ssh-ed25519 ${text}`, 'web', 22, other)).toBe('changed')
  })

  test('refuses a revoked key, even when another line trusts it', () => {
    const file = `web ssh-ed25519 ${text}\n@revoked * ssh-ed25519 ${text}`
    expect(judgeHostKey(file, 'web', 22, key)).toBe('revoked')
  })

  test('trusts the line that it is configured with, for any host and port', () => {
    const host = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9.-]{0,40}$/)
    fc.assert(
      fc.property(host, fc.integer({ min: 1, max: 65_535 }), (name, port) => {
        expect(judgeHostKey(knownHostsLine(name, port, key), name, port, key)).toBe('trusted')
        expect(judgeHostKey(knownHostsLine(name, port, key), `${name}x`, port, key)).toBe('unknown')
      }),
    )
  })

  test('lists the types of key that it has for a host', () => {
    const file = `web ssh-rsa ${rsa.toString('base64')}\nweb ssh-ed25519 ${text}\nother ecdsa-sha2-nistp256 AAAA`
    expect(knownKeyTypes(file, 'web', 22)).toEqual(['ssh-rsa', 'ssh-ed25519'])
  })

  test('reads the type of a key, and nothing from data that is not a key', () => {
    expect(keyTypeOf(key)).toBe('ssh-ed25519')
    expect(keyTypeOf(Buffer.from([0, 0]))).toBe('')
    expect(keyTypeOf(Buffer.from([0, 0, 0, 9, 1]))).toBe('')
  })

  test('computes the same fingerprint as ssh-keygen', () => {
    expect(fingerprintOf(key)).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
  })
})
