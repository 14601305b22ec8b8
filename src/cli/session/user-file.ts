import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { dirname } from 'node:path'
import { capital, type UserFile, userFilePath } from '../../client/saved/user-file.js'
import { writeWholeFile } from '../../host/whole-file.js'
import { messageOf } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'

/** Written whole or not at all, and never for a moment to be read by others. Throws LocalError. */
export function writeUserFile<T>(file: UserFile<T>, value: T): void {
  change(file, (path) => {
    const folder = dirname(path)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    chmodSync(folder, 0o700)
    writeWholeFile(path, `${JSON.stringify(value, null, 2)}\n`, `${path}.${process.pid}`)
  })
}

/** Throws LocalError. */
export function removeUserFile(file: UserFile<unknown>): void {
  change(file, (path) => rmSync(path))
}

function change<T>(file: UserFile<T>, act: (path: string) => void): void {
  const path = userFilePath(file)
  try {
    act(path)
  } catch (error) {
    throw new LocalError(
      `${capital(file.what)} in ${path} cannot be changed: ${messageOf(error)}.`,
      'Set XDG_CONFIG_HOME to a folder that you may write, or do without: OGENT_URL, OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN.',
      error,
    )
  }
}
