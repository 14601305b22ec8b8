import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditKey, auditKeyOf, newKeyText } from '../../audit/keys.js'
import { writeWholeFile } from '../../host/whole-file.js'
import { systemCode } from '../../shared/errors.js'

/** The key that signs orders, as ORDER_KEY has it: PKCS #8 as PEM, or the base64 in it in one line. Throws where it is none. */
export function orderKeyFrom(text: string): AuditKey {
  const pem = text.includes('-----')
    ? text
    : `-----BEGIN PRIVATE KEY-----\n${text.trim()}\n-----END PRIVATE KEY-----\n`
  try {
    return auditKeyOf(pem)
  } catch (cause) {
    throw new Error(
      'ORDER_KEY: got a value that is not shown, takes a private Ed25519 key (PKCS #8, base64)',
      {
        cause,
      },
    )
  }
}

/** The key that a data folder keeps from its first start on, mode 0600. */
export function keptOrderKey(dataDir: string): AuditKey {
  const file = join(dataDir, 'order-key')
  try {
    return orderKeyFrom(readFileSync(file, 'utf8'))
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    const pem = newKeyText()
    writeWholeFile(file, pem)
    return auditKeyOf(pem)
  }
}
