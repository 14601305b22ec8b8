import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { messageOf } from '../shared/errors.js'
import { SettingsError } from './settings.js'

/** Files with certificates or keys, as settings name them: an error names what is wrong with one, and the setting. */

const CERTIFICATE =
  /-----BEGIN (X509 |TRUSTED )?CERTIFICATE-----.*?-----END (X509 |TRUSTED )?CERTIFICATE-----/gs

export type Certificates = { pem: string; first: X509Certificate }

/** Reads a file of certificates. All have to be whole: OpenSSL passes over a broken one, and over those below it. */
export function readCertificates(setting: string, file: string): Certificates {
  const takes = 'a file with certificates, PEM'
  const pem = readSettingFile(setting, file, takes)
  const found = (pem.match(CERTIFICATE) ?? []).map((text, at) => {
    try {
      return new X509Certificate(text)
    } catch (cause) {
      throw wrongFile(setting, file, takes, `certificate ${at + 1} in it cannot be read: ${messageOf(cause)}`)
    }
  })
  const [first] = found
  if (first === undefined) throw wrongFile(setting, file, takes, 'there is none in it')
  return { pem, first }
}

export function readSettingFile(setting: string, file: string, takes: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw wrongFile(setting, file, takes, `${file} cannot be read: ${messageOf(cause)}`)
  }
}

export function wrongFile(setting: string, file: string, takes: string, why: string): SettingsError {
  return new SettingsError(`${setting}: got ${JSON.stringify(file)}, takes ${takes}, and ${why}`)
}
