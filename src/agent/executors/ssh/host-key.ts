import { readFile } from 'node:fs/promises'
import type { ServerHostKeyAlgorithm } from 'ssh2'
import { messageOf, systemCode } from '../../../shared/errors.js'
import { fingerprintOf, judgeHostKey, keyTypeOf, knownHostsLine, knownKeyTypes } from './known-hosts.js'
import { addressName, expandHome, type SshSettings } from './settings.js'

/** The check of one server's key, for one attempt to connect. */
export type HostKeyCheck = {
  /** What to ask the server for, best first: the types that are known of it before all others. */
  algorithms: ServerHostKeyAlgorithm[]
  /** Why the key is refused, as a sentence; undefined where it is trusted. */
  refusal(key: Buffer): string | undefined
}

/** Reads what is trusted anew: a line added after a refusal counts at the next attempt. */
export async function hostKeyCheck(settings: SshSettings): Promise<HostKeyCheck> {
  const { hostFingerprint } = settings
  if (hostFingerprint !== undefined) {
    return { algorithms: preferring([]), refusal: (key) => byFingerprint(settings, hostFingerprint, key) }
  }
  const path = expandHome(settings.knownHostsPath)
  const file = await readKnownHosts(path)
  return {
    algorithms: preferring(knownKeyTypes(file, settings.host, settings.port)),
    refusal: (key) => byKnownHosts(settings, path, file, key),
  }
}

/** The algorithms that are left when keys of the type of this one are not asked for any more. */
export function without(algorithms: ServerHostKeyAlgorithm[], key: Buffer): ServerHostKeyAlgorithm[] {
  const type = keyTypeOf(key)
  return algorithms.filter((algorithm) => typeOfAlgorithm(algorithm) !== type)
}

/** Without `ssh-rsa`: an RSA key proves itself by SHA-2, since signatures over SHA-1 can be forged. */
const ALGORITHMS: ServerHostKeyAlgorithm[] = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

function preferring(types: string[]): ServerHostKeyAlgorithm[] {
  const known = ALGORITHMS.filter((algorithm) => types.includes(typeOfAlgorithm(algorithm)))
  return [...known, ...ALGORITHMS.filter((algorithm) => !known.includes(algorithm))]
}

/** An RSA key is one type, regardless of the hash of its signatures (RFC 8332). */
function typeOfAlgorithm(algorithm: ServerHostKeyAlgorithm): string {
  return algorithm.startsWith('rsa-sha2-') ? 'ssh-rsa' : algorithm
}

function byFingerprint(settings: SshSettings, expected: string, key: Buffer): string | undefined {
  const shown = fingerprintOf(key)
  if (shown === expected.trim().replace(/=+$/, '')) return undefined
  return (
    `HOST KEY CHANGED: ${addressName(settings)} shows ${keyTypeOf(key)} ${shown}, not the expected ${expected}. ` +
    'Either the server was set up anew or someone is in between; nothing was sent to it.'
  )
}

function byKnownHosts(settings: SshSettings, path: string, file: string, key: Buffer): string | undefined {
  const { host, port } = settings
  const shown = `${keyTypeOf(key)} ${fingerprintOf(key)}`
  const verdict = judgeHostKey(file, host, port, key)
  switch (verdict) {
    case 'trusted':
      return undefined
    case 'changed':
      return (
        `HOST KEY CHANGED: ${addressName(settings)} shows ${shown}, and ${path} names another key for it. ` +
        'Either the server was set up anew or someone is in between; nothing was sent to it. ' +
        'If the new key is right, replace the old line.'
      )
    case 'revoked':
      return `The host key ${shown} of ${addressName(settings)} is marked @revoked in ${path}.`
    case 'unknown':
      return (
        `The host key of ${addressName(settings)} is unknown (${shown}). ` +
        `If that is the server's, this line in ${path} trusts it: ${knownHostsLine(host, port, key)}`
      )
  }
}

async function readKnownHosts(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return ''
    throw new Error(`The known hosts file ${path} cannot be read: ${messageOf(cause)}.`)
  }
}
