import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createOgentClient, type OgentClient } from '../../client/client.js'
import { currentUrl, hasEnded, type SavedLogin, savedLogin } from '../../client/saved-login.js'
import { requestToken } from '../../client/transport/login.js'
import { isPlaintextElsewhere } from '../../host/loopback.js'
import { setting } from '../../host/settings.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'
import { withoutPasswords } from '../output/output.js'
import { ask, canAsk } from '../output/terminal.js'
import { saveLogin } from './saved-login.js'

export type ConnectionFlags = { url?: string; username?: string }

const DEFAULT_URL = 'http://localhost:8001'
/** A person is at the other end of this: a controller that restarts is waited for, a missing one is reported. */
const CONNECT_MS = 5000

/**
 * A client by, in this order: OGENT_TOKEN; a name (--username, OGENT_USERNAME) and OGENT_PASSWORD; what `ogent login`
 * keeps. A person at a terminal is asked for the password where only that is missing.
 */
export async function connect(
  flags: ConnectionFlags,
  options: { connectTimeoutMs?: number; mayAsk?: boolean } = {},
): Promise<OgentClient> {
  const { mayAsk = true, connectTimeoutMs = CONNECT_MS } = options
  const limits = { connectTimeoutMs, ...trust() }
  const { OGENT_TOKEN, OGENT_PASSWORD } = process.env
  const url = controllerUrl(flags)
  // A shell that completes a word shows what is said meanwhile in the middle of the line.
  if (mayAsk) warnOfPlaintext(url)
  if (OGENT_TOKEN && flags.username === undefined)
    return createOgentClient({ url, token: OGENT_TOKEN, ...limits })
  const username = flags.username ?? process.env.OGENT_USERNAME
  if (username && OGENT_PASSWORD)
    return createOgentClient({ url, username, password: OGENT_PASSWORD, ...limits })
  const saved = savedLogin(url)
  const fitting = saved && (!username || saved.username === username) ? saved : undefined
  if (fitting && !hasEnded(fitting))
    return createOgentClient({ url, token: async () => liveToken(url), ...limits })
  const name = username || fitting?.username
  if (name && mayAsk && canAsk()) {
    const login = await logIn(
      url,
      name,
      await ask(`Password of ${name} at ${withoutPasswords(url)}: `, { secret: true }),
    )
    if (fitting) saveLogin(url, login)
    return createOgentClient({ url, token: login.token, ...limits })
  }
  throw fitting ? ended(url, fitting) : new OgentError('UNAUTHORIZED', `No login is saved for ${url}.`)
}

/** By --url, else OGENT_URL, else the last login, else this machine. */
export function controllerUrl(flags: ConnectionFlags): string {
  const url = flags.url ?? (process.env.OGENT_URL || currentUrl()) ?? DEFAULT_URL
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(
      `${url} is not the address of a controller, such as ${DEFAULT_URL}: see --url and OGENT_URL`,
    )
  }
  return url
}

/** On the way to another machine, all that is sent can be read: the password or the token first of all. */
export function warnOfPlaintext(url: string): void {
  if (!isPlaintextElsewhere(url) || isTrue(process.env.ALLOW_PLAINTEXT)) return
  process.stderr.write(
    `ogent: warning: ${withoutPasswords(url)} is not encrypted: who is on the way can read the password, the commands and their output (ALLOW_PLAINTEXT=true hides this)\n`,
  )
}

function isTrue(text: string | undefined): boolean {
  return setting.bool().safeParse(text).data === true
}

/** Takes a token that can be kept. */
export async function logIn(url: string, username: string, password: string): Promise<SavedLogin> {
  const { access_token, expires_in } = await requestToken({ url, username, password, ca: trust().ca })
  const expires_at = new Date(Date.now() + expires_in * 1000).toISOString()
  return { username, token: access_token, expires_at }
}

/** Looked up each time: the user may have logged in again while a long command is followed. */
function liveToken(url: string): string {
  const saved = savedLogin(url)
  if (!saved) throw new OgentError('UNAUTHORIZED', `The login for ${url} is no longer saved.`)
  if (hasEnded(saved)) throw ended(url, saved)
  return saved.token
}

function ended(url: string, { username, expires_at }: SavedLogin): OgentError {
  return new OgentError('UNAUTHORIZED', `The login of ${username} at ${url} ended at ${expires_at}.`)
}

/** The certificates of OGENT_CA, a file, for a controller whose certificate no other authority has signed. */
function trust(): { ca?: string } {
  const file = process.env.OGENT_CA
  if (!file) return {}
  let ca: string
  try {
    ca = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(
      `OGENT_CA: ${file} cannot be read: ${messageOf(error)}. Name a file with certificates (PEM).`,
    )
  }
  // Of what is none, Node.js would say nothing, and trust no certificate.
  if (isCertificate(ca)) return { ca }
  throw new UsageError(
    `OGENT_CA: ${file} holds no certificate. Name a file with certificates to trust (PEM).`,
  )
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
