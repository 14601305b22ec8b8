import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { writeWholeFile } from '../../host/whole-file.js'
import { systemCode } from '../../shared/errors.js'

/** Texts that a data folder keeps from its first start on, each in a file of its own, mode 0600. */

const KEY_BYTES = 48
const DEPLOYMENT_BYTES = 16

/** The key that signs tokens. */
export function keptSecretKey(dataDir: string): string {
  return kept(join(dataDir, 'secret-key'), KEY_BYTES)
}

/** What tells this deployment from another one, for which its tokens are not. */
export function keptDeploymentId(dataDir: string): string {
  return kept(join(dataDir, 'deployment-id'), DEPLOYMENT_BYTES)
}

export function newDeploymentId(): string {
  return randomText(DEPLOYMENT_BYTES)
}

export function generatePassword(): string {
  return randomText(15)
}

/** A random text made once and read from then on. An empty file is what a cut write left, which no token was made with. */
function kept(file: string, bytes: number): string {
  const found = read(file)
  if (found !== undefined && found !== '') {
    if (found.length >= randomText(bytes).length) return found
    throw new Error(
      `${file} is cut off: it has ${found.length} characters. Put it back from a backup, or remove it to have a new one, which ends all logins.`,
    )
  }
  const made = randomText(bytes)
  writeWholeFile(file, `${made}\n`)
  return made
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function randomText(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}
