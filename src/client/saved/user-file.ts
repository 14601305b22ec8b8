import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { messageOf, OgentError, systemCode } from '../../shared/errors.js'

/** A JSON file that `ogent` keeps for its user alone: 0600 in a folder 0700, and not used where others could read it. */
export type UserFile<T> = {
  /** Its name in the folder of `userFilePath`. */
  readonly name: string
  /** What is in it, as a sentence names it. */
  readonly what: string
  /** What to do where the file is of no use. */
  readonly mend: string
  /** Undefined for a value of another shape. By hand: the SDK does without a library of schemas here. */
  readonly parse: (value: unknown) => T | undefined
}

/** In `$XDG_CONFIG_HOME/ogent`; https://specifications.freedesktop.org/basedir-spec says that a relative one is ignored. */
export function userFilePath({ name }: Pick<UserFile<unknown>, 'name'>): string {
  const { XDG_CONFIG_HOME = '' } = process.env
  const base = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config')
  return join(base, 'ogent', name)
}

/** Undefined where there is none. Throws UNAUTHORIZED for one that others can read, that cannot be read, or that is damaged. */
export function readUserFile<T>(file: UserFile<T>): T | undefined {
  const { what, mend } = file
  const path = userFilePath(file)
  let text: string
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      throw new OgentError(
        'UNAUTHORIZED',
        `Others can read ${what} in ${path}. Make it yours alone (chmod 600), and ${mend}.`,
      )
    }
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String(systemCode(error)))) return undefined
    if (error instanceof OgentError) throw error
    throw new OgentError('UNAUTHORIZED', `${capital(what)} in ${path} cannot be read: ${messageOf(error)}.`)
  }
  const value = file.parse(parseJson(text))
  if (value !== undefined) return value
  throw new OgentError('UNAUTHORIZED', `${path} is damaged. Remove it, and ${mend}.`)
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Each entry parsed; undefined where one has another shape. */
export function parseEntries<T>(
  value: unknown,
  parse: (entry: Record<string, unknown>) => T | undefined,
): Record<string, T> | undefined {
  if (!isRecord(value)) return undefined
  const parsed: Record<string, T> = {}
  for (const [name, entry] of Object.entries(value)) {
    const one = isRecord(entry) ? parse(entry) : undefined
    if (one === undefined) return undefined
    parsed[name] = one
  }
  return parsed
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
