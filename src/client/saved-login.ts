import { readFileSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { messageOf, OgentError, systemCode } from '../shared/errors.js'

/** The logins that `ogent login` keeps. */
export type SavedLogins = {
  /** Where the last login was: what is meant when no address is given. */
  current: string
  /** By the controller's address: a token is shown to no other. */
  logins: Record<string, SavedLogin>
}

/** Who is logged in somewhere, by a token that ends. */
export type SavedLogin = { username: string; token: string; expires_at: string }

/** `$XDG_CONFIG_HOME/ogent/login.json`; https://specifications.freedesktop.org/basedir-spec says that a relative one is ignored. */
export function savedLoginFile(): string {
  const { XDG_CONFIG_HOME = '' } = process.env
  const base = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config')
  return join(base, 'ogent', 'login.json')
}

/** The address of the last login; undefined where there was none. Throws as `savedLogins`. */
export function currentUrl(): string | undefined {
  return savedLogins()?.current
}

/** The login at this address, also one that has ended. Throws as `savedLogins`. */
export function savedLogin(url: string): SavedLogin | undefined {
  return savedLogins()?.logins[loginKey(url)]
}

export function hasEnded({ expires_at }: SavedLogin): boolean {
  return Date.parse(expires_at) <= Date.now()
}

/** The name under which the login at an address is kept. */
export function loginKey(url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}

/** Throws UNAUTHORIZED for a file that others can read, that cannot be read, or that holds something else. */
export function savedLogins(): SavedLogins | undefined {
  const file = savedLoginFile()
  let text: string
  try {
    if ((statSync(file).mode & 0o077) !== 0) {
      throw new OgentError(
        'UNAUTHORIZED',
        `Others can read the login in ${file}. Make it yours alone (chmod 600), and log in again.`,
      )
    }
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String(systemCode(error)))) return undefined
    if (error instanceof OgentError) throw error
    throw new OgentError('UNAUTHORIZED', `The login in ${file} cannot be read: ${messageOf(error)}.`)
  }
  const saved = parseLogins(text)
  if (saved) return saved
  throw new OgentError('UNAUTHORIZED', `${file} is damaged. Remove it, and log in again.`)
}

/** By hand: the SDK does without a library of schemas. */
function parseLogins(text: string): SavedLogins | undefined {
  let saved: unknown
  try {
    saved = JSON.parse(text)
  } catch {
    return undefined
  }
  if (!isRecord(saved) || typeof saved.current !== 'string' || !isRecord(saved.logins)) return undefined
  const logins: SavedLogins['logins'] = {}
  for (const [url, login] of Object.entries(saved.logins)) {
    if (!isRecord(login)) return undefined
    const { username, token, expires_at } = login
    if (typeof username !== 'string' || typeof token !== 'string' || typeof expires_at !== 'string')
      return undefined
    logins[url] = { username, token, expires_at }
  }
  return { current: saved.current, logins }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
