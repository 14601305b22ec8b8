import { chmodSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { z } from 'zod'
import { writeWholeFile } from '../../host/whole-file.js'
import { messageOf, OgentError, systemCode } from '../../shared/errors.js'
import { LocalError } from '../errors/next-step.js'

const loginSchema = z.object({ username: z.string(), token: z.string(), expires_at: z.string() })
const savedSchema = z.object({
  /** Where the last login was: what is meant when no address is given. */
  current: z.string(),
  /** By the controller's address: a token is shown to no other. */
  logins: z.record(z.string(), loginSchema),
})
type Saved = z.infer<typeof savedSchema>

/** Who is logged in somewhere, by a token that ends. */
export type SavedLogin = z.infer<typeof loginSchema>

/** `$XDG_CONFIG_HOME/ogent/login.json`; https://specifications.freedesktop.org/basedir-spec says that a relative one is ignored. */
export function savedLoginFile(): string {
  const { XDG_CONFIG_HOME = '' } = process.env
  const base = isAbsolute(XDG_CONFIG_HOME) ? XDG_CONFIG_HOME : join(homedir(), '.config')
  return join(base, 'ogent', 'login.json')
}

/** The address of the last login; undefined where there was none. */
export function currentUrl(): string | undefined {
  return read()?.current
}

export function savedLogin(url: string): SavedLogin | undefined {
  return read()?.logins[keyOf(url)]
}

export function hasEnded({ expires_at }: SavedLogin): boolean {
  return Date.parse(expires_at) <= Date.now()
}

export function saveLogin(url: string, login: SavedLogin): void {
  const key = keyOf(url)
  save({ current: key, logins: { ...read()?.logins, [key]: login } })
}

/** Forgets a login; false where there was none. */
export function forgetLogin(url: string): boolean {
  const saved = read()
  const key = keyOf(url)
  if (!saved?.logins[key]) return false
  const { [key]: _gone, ...logins } = saved.logins
  if (Object.keys(logins).length === 0) changing((file) => rmSync(file))
  else save({ current: saved.current, logins })
  return true
}

function keyOf(url: string): string {
  return new URL(url).href.replace(/\/+$/, '')
}

function read(): Saved | undefined {
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
  const parsed = savedSchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  throw new OgentError('UNAUTHORIZED', `${file} is damaged. Remove it, and log in again.`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Written whole or not at all, and never for a moment to be read by others. */
function save(saved: Saved): void {
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
