import { createPrivateKey, type KeyObject } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import { readCertificates, readSettingFile, wrongFile } from '../host/certificates.js'
import { messageOf } from '../shared/errors.js'
import type { ControllerSettings } from './config.js'

/** The certificate and the key of the port, as PEM. Throws a SettingsError where the two cannot be used. */
export function readTls({
  TLS_CERT,
  TLS_KEY,
}: ControllerSettings): { cert: string; key: string } | undefined {
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
