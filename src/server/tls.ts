import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { createSecureContext, Server } from 'node:tls'
import { readCertificates, readSettingFile, wrongFile } from '../host/certificates.js'
import { messageOf } from '../shared/errors.js'
import type { ControllerSettings } from './config.js'
import type { Log } from './telemetry/ports.js'

/** A certificate and its key, PEM. */
export type Tls = { cert: string; key: string }

/** How often the files are read again, in ms. */
const LOOK_MS = 10_000

/** The certificate and the key of the port, as PEM. Throws a SettingsError where the two cannot be used. */
export function readTls({ TLS_CERT, TLS_KEY }: ControllerSettings): Tls | undefined {
  if (TLS_CERT === undefined || TLS_KEY === undefined) return undefined
  const { pem: cert, first } = readCertificates('TLS_CERT', TLS_CERT)
  const key = readSettingFile('TLS_KEY', TLS_KEY, A_KEY)
  if (!first.checkPrivateKey(parsedKey(key, TLS_KEY))) {
    const takes = 'the key of the first certificate in TLS_CERT'
    throw wrongFile('TLS_KEY', TLS_KEY, takes, 'this is the key of another one')
  }
  try {
    createSecureContext({ cert, key })
  } catch (cause) {
    // Such as a key that is too short for what OpenSSL is set to.
    throw wrongFile('TLS_CERT', TLS_CERT, 'a certificate that OpenSSL takes', `it says: ${messageOf(cause)}`)
  }
  return { cert, key }
}

/**
 * SHA-256 of the certificate that a machine is to trust which joins: the last one of the file, which is nearest to the root, and
 * stays the same when the first one is renewed.
 */
export function pinOf({ cert }: Tls): string {
  const last = cert.lastIndexOf('-----BEGIN CERTIFICATE-----')
  return new X509Certificate(cert.slice(last)).fingerprint256.replaceAll(':', '').toLowerCase()
}

/**
 * Gives the port the certificate that its files hold now, whenever they change: one that is renewed counts without a
 * restart, for connections that are made from then on. What cannot be used is logged once, and the last one stays.
 */
export function watchTls(
  settings: ControllerSettings,
  first: Tls,
  server: object,
  log: Log,
  everyMs = LOOK_MS,
): { close(): void } {
  // Of a server without TLS the method is missing; its type is that of both.
  if (!(server instanceof Server)) throw new Error('The port has a certificate and speaks no TLS.')
  let current = first
  let trouble: string | undefined
  const look = () => {
    try {
      const found = readTls(settings)
      trouble = undefined
      if (!found || (found.cert === current.cert && found.key === current.key)) return
      server.setSecureContext(found)
      current = found
      const { validTo, serialNumber } = new X509Certificate(found.cert)
      log.info({ valid_to: validTo, serial_number: serialNumber }, 'the port has a new certificate')
    } catch (error) {
      const why = messageOf(error)
      if (why !== trouble) log.error({ why }, 'the new certificate cannot be used: the last one stays')
      trouble = why
    }
  }
  const timer = setInterval(look, everyMs).unref()
  return { close: () => clearInterval(timer) }
}

const A_KEY = 'a file with a private key, PEM'

function parsedKey(pem: string, file: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // What OpenSSL says of both is no help. Either form of a locked key has that word above its text.
    const why = pem.includes('ENCRYPTED')
      ? 'this one asks for a passphrase: write it without, for this user alone'
      : 'there is none in it that can be read'
    throw wrongFile('TLS_KEY', file, A_KEY, why)
  }
}
