import type { TokenReply } from '../../shared/access/identity.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { httpRequest } from './http.js'
import { problemFields } from './problem.js'
import type { Reach } from './reach.js'

const LOGIN_MS = 10_000

export type LoginOptions = Reach & {
  /** http(s):// base of the controller. */
  url: string
  username: string
  password: string
  /** How long the answer may take, in ms; 10 s. */
  timeoutMs?: number
}

/**
 * A fresh token by `POST /token`. Throws UNAUTHORIZED for wrong credentials, RATE_LIMITED after too many of them and after too
 * many requests, CONNECTION_LOST for all else.
 */
export async function login(options: LoginOptions): Promise<string> {
  return (await requestToken(options)).access_token
}

/** The same with the token's life, for a caller that keeps it. */
export async function requestToken(options: LoginOptions): Promise<TokenReply> {
  const { url, username } = options
  const { status, text } = await post(options)
  if (status === 401) {
    throw new OgentError('UNAUTHORIZED', `The controller refused the credentials of ${username}.`)
  }
  if (status === 429) {
    // The controller says of what there was too much: failed logins, or requests.
    const { sentence = `The login of ${username} was refused for now (429).`, ...rest } = problemFields(text)
    throw new OgentError('RATE_LIMITED', sentence, { retry_after_seconds: rest.retry_after_seconds })
  }
  if (status !== 200) {
    throw new OgentError('CONNECTION_LOST', `The controller at ${url} answered the login with ${status}.`)
  }
  const reply = parseReply(text)
  if (!reply) throw new OgentError('CONNECTION_LOST', `What answers at ${url} is no controller.`)
  return reply
}

/** By hand: the SDK does without a library of schemas. */
function parseReply(text: string): TokenReply | undefined {
  try {
    const { access_token, expires_in }: Record<string, unknown> = JSON.parse(text) ?? {}
    if (typeof access_token !== 'string' || !Number.isInteger(expires_in)) return undefined
    return { access_token, token_type: 'bearer', expires_in: Number(expires_in) }
  } catch {
    return undefined
  }
}

async function post({ username, password, timeoutMs = LOGIN_MS, ...options }: LoginOptions) {
  const { url } = options
  try {
    const { status, body } = await httpRequest({
      ...options,
      url: new URL('token', url.endsWith('/') ? url : `${url}/`),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({ username, password }).toString(),
      signal: AbortSignal.timeout(timeoutMs),
    })
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true })
    return { status, text }
  } catch (cause) {
    if (cause instanceof OgentError) throw cause
    const why =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
    throw new OgentError('CONNECTION_LOST', `No answer from ${url}: ${why}.`, { cause })
  }
}
