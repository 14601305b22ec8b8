import { readFileSync } from 'node:fs'
import { messageOf, OgentError } from '../shared/errors.js'
import { currentContext } from './saved/contexts.js'
import { currentUrl, hasEnded, loginFor, type SavedLogin } from './saved/login.js'
import type { Credentials } from './transport/credentials.js'

/** What an option has to be. */
export type OptionRule = {
  takes: string
  /** Whether it is a part of the login, and not looked at without one. */
  ofLogin?: true
  holds(value: unknown, given: Record<string, unknown>): boolean
}

/** What a client takes on Node.js where its options do not say it: from the environment, then from `ogent login`, as the CLI does. */
export type Defaults = {
  url(): string | undefined
  /** Certificates to trust, as PEM text. */
  ca(): string | undefined
  /** How to prove at this address who the client is; undefined where nothing says it. */
  credentials(url: string): Credentials | undefined
  /** What to do where nothing says it. */
  advice: string
  /** What the options have to be that a browser does not look at. */
  rules: Record<string, OptionRule>
}

/** Bundlers for the browser take `defaults-browser` instead (package.json). */
export const defaults: Defaults = {
  url: () => setting('OGENT_URL') ?? currentContext()?.url ?? currentUrl() ?? 'http://localhost:8001',
  ca: certificates,
  credentials(url) {
    const token = setting('OGENT_TOKEN')
    if (token !== undefined) return { token }
    const username = setting('OGENT_USERNAME')
    const password = setting('OGENT_PASSWORD')
    if (username !== undefined && password !== undefined) return { username, password }
    if (!keptLogin(url, username)) return undefined
    return { token: async () => liveToken(url, username) }
  },
  advice:
    'Give createOgentClient a token, or username and password, set OGENT_TOKEN, or OGENT_USERNAME and OGENT_PASSWORD, or run: ogent login',
  rules: {
    proxy: {
      takes: 'the http:// or https:// address of a proxy, or false',
      holds: (proxy) => proxy === undefined || proxy === false || isAddress(proxy),
    },
    ca: {
      takes: 'certificates as PEM text, not the path of a file',
      holds: (ca) =>
        ca === undefined || (typeof ca === 'string' && /-----BEGIN [A-Z0-9 ]*CERTIFICATE-----/.test(ca)),
    },
  },
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

/** A variable that is set to nothing is not set. */
function setting(name: string): string | undefined {
  return process.env[name] || undefined
}

/** The context in use has a login of its own at its address, and may say who is meant. */
function keptLogin(url: string, username: string | undefined): SavedLogin | undefined {
  const current = currentContext()
  const context = current?.url === url ? current : undefined
  return loginFor({ url, context }, username ?? context?.username)
}

/** Looked up each time: the user may have logged in again while the program runs. */
function liveToken(url: string, username: string | undefined): string {
  const saved = keptLogin(url, username)
  if (saved && !hasEnded(saved)) return saved.token
  const what = saved
    ? `The login of ${saved.username} at ${url} ended at ${saved.expires_at}`
    : `The login for ${url} is no longer saved`
  throw new OgentError('UNAUTHORIZED', `${what}. Run: ogent login`)
}

function certificates(): string | undefined {
  const file = setting('OGENT_CA')
  if (file === undefined) return undefined
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const sentence = `OGENT_CA: ${file} cannot be read: ${messageOf(cause)}. Name a file with certificates (PEM).`
    throw new OgentError('VALIDATION_FAILED', sentence, { cause })
  }
}
