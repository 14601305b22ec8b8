import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createOgentClient, type OgentClient } from '../../client/client.js'
import { hasEnded, loginFor, type SavedLogin } from '../../client/saved/login.js'
import { requestToken } from '../../client/transport/login.js'
import { isPlaintextElsewhere } from '../../host/loopback.js'
import { setting } from '../../host/settings.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { UsageError } from '../errors/report.js'
import { withoutPasswords } from '../output/output.js'
import { ask, canAsk } from '../output/terminal.js'
import { passwordFrom } from './password-command.js'
import { type ConnectionFlags, type Place, placeOf } from './place.js'
import { saveLogin } from './saved-login.js'

export type { ConnectionFlags } from './place.js'

/** A person is at the other end of this: a controller that restarts is waited for, a missing one is reported. */
const CONNECT_MS = 5000

/** By what a call says who it is. */
export type Means =
  | { by: 'OGENT_TOKEN'; token: string }
  | { by: 'OGENT_PASSWORD'; username: string; password: string }
  | { by: 'ogent login'; login: SavedLogin }
  | { by: 'password command'; username: string; command: string }
  | { by: 'nothing'; username: string | undefined; ended: SavedLogin | undefined }

/**
 * In this order: OGENT_TOKEN; a name (--username, OGENT_USERNAME) and OGENT_PASSWORD; what `ogent login` keeps; the
 * password command of the context.
 */
export function meansOf(place: Place, flags: ConnectionFlags): Means {
  const { OGENT_TOKEN, OGENT_USERNAME, OGENT_PASSWORD } = process.env
  if (OGENT_TOKEN && flags.username === undefined) return { by: 'OGENT_TOKEN', token: OGENT_TOKEN }
  const given = flags.username ?? (OGENT_USERNAME || undefined)
  if (given && OGENT_PASSWORD) return { by: 'OGENT_PASSWORD', username: given, password: OGENT_PASSWORD }
  const username = given ?? place.context?.username
  const login = loginFor(place, username)
  if (login && !hasEnded(login)) return { by: 'ogent login', login }
  const { username: owner, password_command: command } = place.context ?? {}
  if (command !== undefined && owner !== undefined && (given ?? owner) === owner) {
    return { by: 'password command', username: owner, command }
  }
  return { by: 'nothing', username: username ?? login?.username, ended: login }
}

/** A client by these means. A person at a terminal is asked for the password where only that is missing. */
export async function connect(
  flags: ConnectionFlags,
  options: { connectTimeoutMs?: number; mayAsk?: boolean } = {},
): Promise<OgentClient> {
  const { mayAsk = true, connectTimeoutMs = CONNECT_MS } = options
  const place = placeOf(flags)
  const { url } = place
  const limits = { url, connectTimeoutMs, ...trust() }
  // A shell that completes a word shows what is said meanwhile in the middle of the line.
  if (mayAsk) warnOfPlaintext(url)
  const means = meansOf(place, flags)
  switch (means.by) {
    case 'OGENT_TOKEN':
      return createOgentClient({ ...limits, token: means.token })
    case 'OGENT_PASSWORD':
      return createOgentClient({ ...limits, username: means.username, password: means.password })
    case 'ogent login':
    case 'password command':
      return createOgentClient({ ...limits, token: () => freshToken(place, flags) })
    case 'nothing':
      if (!means.username || !mayAsk || !canAsk()) throw noLogin(url, means.ended)
      return createOgentClient({ ...limits, token: await askedToken(place, means.username, means.ended) })
  }
}

/** A token by these means, for what is asked over HTTP alone. Throws UNAUTHORIZED where there is none. */
export async function tokenFor(flags: ConnectionFlags): Promise<{ token: string }> {
  const place = placeOf(flags)
  const means = meansOf(place, flags)
  switch (means.by) {
    case 'OGENT_TOKEN':
      return { token: means.token }
    case 'OGENT_PASSWORD':
      return { token: (await logIn(place.url, means.username, means.password)).token }
    default:
      return { token: await freshToken(place, flags) }
  }
}

/** Asks for the password; what it gives takes the place of a login that has ended. */
async function askedToken(place: Place, username: string, before: SavedLogin | undefined): Promise<string> {
  const password = await ask(`Password of ${username} at ${withoutPasswords(place.url)}: `, { secret: true })
  const login = await logIn(place.url, username, password)
  if (before) saveLogin(place, login)
  return login.token
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

/**
 * Looked up each time: the user may have logged in again while a long command is followed, and a password command logs in
 * by itself.
 */
async function freshToken(place: Place, flags: ConnectionFlags): Promise<string> {
  const means = meansOf(place, flags)
  switch (means.by) {
    case 'ogent login':
      return means.login.token
    case 'password command': {
      const login = await logIn(place.url, means.username, await passwordFrom(means.command))
      saveLogin(place, login)
      return login.token
    }
    default:
      throw noLogin(place.url, means.by === 'nothing' ? means.ended : undefined)
  }
}

function noLogin(url: string, ended: SavedLogin | undefined): OgentError {
  const sentence = ended
    ? `The login of ${ended.username} at ${url} ended at ${ended.expires_at}.`
    : `No login is saved for ${url}.`
  return new OgentError('UNAUTHORIZED', sentence)
}

/** The certificates of OGENT_CA, a file, for a controller whose certificate no other authority has signed. */
export function trust(): { ca?: string } {
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
