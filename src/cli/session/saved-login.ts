import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import {
  loginKey,
  type SavedLogin,
  type SavedLogins,
  savedLoginFile,
  savedLogins,
} from '../../client/saved-login.js'
import { writeWholeFile } from '../../host/whole-file.js'
import { messageOf } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'

export function saveLogin(url: string, login: SavedLogin): void {
  const key = loginKey(url)
  save({ current: key, logins: { ...savedLogins()?.logins, [key]: login } })
}

/** Forgets a login; false where there was none. */
export function forgetLogin(url: string): boolean {
  const saved = savedLogins()
  const key = loginKey(url)
  if (!saved?.logins[key]) return false
  const { [key]: _gone, ...logins } = saved.logins
  if (Object.keys(logins).length === 0) changing((file) => rmSync(file))
  else save({ current: saved.current, logins })
  return true
}

/** Written whole or not at all, and never for a moment to be read by others. */
function save(saved: SavedLogins): void {
  changing((file) => {
    const folder = join(file, '..')
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    writeWholeFile(file, `${JSON.stringify(saved, null, 2)}\n`, `${file}.${process.pid}`)
  })
}

function changing(act: (file: string) => void): void {
  const file = savedLoginFile()
  try {
    act(file)
  } catch (error) {
    throw new LocalError(
      `The login in ${file} cannot be changed: ${messageOf(error)}.`,
      'Set XDG_CONFIG_HOME to a folder that you may write, or do without: OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN.',
      error,
    )
  }
}
