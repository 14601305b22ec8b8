import { OgentError } from '../shared/errors.js'
import { defaults, type OptionRule } from './defaults.js'
import type { Credentials, PasswordCredentials, TokenCredentials } from './transport/credentials.js'
import type { Fetch } from './transport/reach.js'

/** Which controller a client is for, and how it is reached. */
export interface ConnectionOptions {
  /**
   * http(s):// base of the controller; on Node.js `OGENT_URL`, else where `ogent login` was last, else
   * `http://localhost:8001`, and in a browser the origin of the page.
   */
  url?: string | undefined
  /** How long a controller that cannot be reached is tried for, in ms, before a call fails; 15 s. */
  connectTimeoutMs?: number | undefined
  /**
   * Certificates to trust instead of those that Node.js comes with, as PEM text: for a controller whose certificate
   * no other authority has signed, also through a proxy; those of the file that `OGENT_CA` names. Browsers know their own
   * and do not look at it.
   */
  ca?: string | undefined
  /**
   * The proxy on the way to the controller, an http(s):// address with user and password before its host where it takes
   * them; false: none. Left out, the proxy that HTTPS_PROXY or HTTP_PROXY of the environment names, unless NO_PROXY has the
   * controller's host; browsers have a proxy of their own and do not look at it.
   */
  proxy?: string | false | undefined
  /**
   * What makes requests over HTTP, which are the logins and the reading of recordings, in place of Node.js or the browser; it
   * takes neither `ca` nor `proxy`. The commands' socket does not come by it. None; what Node.js or the browser has.
   */
  fetch?: Fetch | undefined
  /**
   * Whether runs reject where their command does not succeed, and say no other; false: a non-zero exit code is an
   * answer. See `ExecuteOptions`.
   */
  throwOnError?: boolean | undefined
}

/** What a call takes besides what it is about. */
export interface CallOptions {
  /**
   * Ends the wait as soon as it is aborted: the call rejects with the signal's reason. A request that has reached the
   * controller by then is carried out all the same. None; the call waits for its answer.
   */
  signal?: AbortSignal | undefined
}

/** What a loop without an end of its own takes. */
export interface LoopOptions {
  /** Ends the loop as soon as it is aborted, as a `break` does; nothing is thrown. None; the loop goes on. */
  signal?: AbortSignal | undefined
}

/**
 * Neither a password nor a token. On Node.js, `OGENT_TOKEN` counts, else `OGENT_USERNAME` and `OGENT_PASSWORD`, else what
 * `ogent login` keeps for this address; without one of them the client is not made. In a browser there is no other.
 */
export interface DefaultCredentials {
  /** Not without a password. */
  username?: undefined
  /** Not without a name. */
  password?: undefined
  /** Not given. */
  token?: undefined
}

/** What a client is made of: which controller, and how it proves who it is. */
export type OgentClientOptions = ConnectionOptions &
  (PasswordCredentials | TokenCredentials | DefaultCredentials)

/** The same with what was left out. */
export type ResolvedOptions = ConnectionOptions & Credentials & { url: string }

/**
 * The options, with the defaults for what is left out. Throws VALIDATION_FAILED for options that can never work: tried, they
 * would look like a controller that is away. The types say most of it, but not to plain JavaScript, and nothing of
 * what a variable has.
 */
export function resolveOptions(given: OgentClientOptions): ResolvedOptions {
  const { token, username, password, ...rest } = given
  const connection = { ...rest, url: rest.url ?? defaults.url() ?? '', ca: rest.ca ?? defaults.ca() }
  const login = { token, username, password }
  const isGiven = Object.values(login).some((part) => part !== undefined)
  checkOptions({ ...connection, ...login }, isGiven)
  // What is given was checked to be one of the kinds that there are.
  const credentials = isGiven ? (login as Credentials) : defaults.credentials(connection.url)
  if (credentials) return { ...connection, ...credentials }
  const issues = [{ loc: ['username'], msg: 'is missing', type: 'missing' }]
  throw new OgentError('VALIDATION_FAILED', `No login for ${connection.url}. ${defaults.advice}`, { issues })
}

/** Nothing is trusted to be what its type says. */
function checkOptions(given: Record<string, unknown>, hasLogin: boolean): void {
  const issues = Object.entries({ ...rules, ...defaults.rules })
    .filter(([name, { holds, ofLogin }]) => (hasLogin || !ofLogin) && !holds(given[name], given))
    .map(([name, { takes }]) => ({ loc: [name], msg: `takes ${takes}`, type: 'invalid_value' }))
  if (issues.length === 0) return
  const said = issues.map(({ loc, msg }) => `${loc.join('.')}: ${msg}`).join('; ')
  throw new OgentError('VALIDATION_FAILED', said, { issues })
}

const rules: Record<string, OptionRule> = {
  url: {
    takes: 'the http:// or https:// address of a controller, as text',
    holds: isAddress,
  },
  username: {
    takes: 'a name, where no token is given',
    ofLogin: true,
    holds: (name, { token }) => token !== undefined || isText(name),
  },
  password: {
    takes: 'a password, where a name is given',
    ofLogin: true,
    holds: (password, { token, username }) => token !== undefined || !isText(username) || isText(password),
  },
  token: {
    takes: 'a token, or a function that gives one',
    holds: (token) => token === undefined || typeof token === 'function' || isText(token),
  },
  connectTimeoutMs: {
    takes: 'milliseconds, 0 or more',
    holds: (ms) => ms === undefined || (typeof ms === 'number' && ms >= 0),
  },
  throwOnError: {
    takes: 'true or false',
    holds: (value) => value === undefined || typeof value === 'boolean',
  },
  fetch: {
    takes: 'a function that is called as fetch is',
    holds: (value) => value === undefined || typeof value === 'function',
  },
}

function isAddress(value: unknown): boolean {
  return typeof value === 'string' && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}
