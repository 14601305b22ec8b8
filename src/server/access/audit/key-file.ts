import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditKey, auditKeyOf, newKeyText } from '../../../audit/keys.js'
import { writeWholeFile } from '../../../host/whole-file.js'
import { systemCode } from '../../../shared/errors.js'

/** The key of the audit that a data folder keeps from its first start on, mode 0600. */
export function keptAuditKey(dataDir: string): AuditKey {
  const file = join(dataDir, 'audit-key')
  let pem: string
  try {
    pem = readFileSync(file, 'utf8')
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error
    pem = newKeyText()
    writeWholeFile(file, pem)
  }
  try {
    return auditKeyOf(pem)
  } catch (cause) {
    const sentence = `${file} holds no key of the audit. Put it back from a backup, or remove it to have a new one.`
    throw new Error(sentence, { cause })
  }
}

/** A key that nothing keeps. */
export function passingAuditKey(): AuditKey {
  return auditKeyOf(newKeyText())
}
