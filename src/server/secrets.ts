import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The key that signs tokens: made once, kept in the data folder, mode 0600. */
export function keptSecretKey(dataDir: string): string {
  return kept(join(dataDir, 'secret-key'), () => randomBytes(48).toString('base64url')).value
}

/** A text made once and read from then on. */
function kept(file: string, make: () => string): { value: string; made: boolean } {
  try {
    return { value: readFileSync(file, 'utf8').trim(), made: false }
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
  const value = make()
  writeFileSync(file, `${value}\n`, { mode: 0o600, flag: 'wx' })
  return { value, made: true }
}

export function generatePassword(): string {
  return randomBytes(15).toString('base64url')
}
