import type { TokenReply } from '../../shared/access/identity.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { httpRequest } from './http.js'
import { problemFields } from './problem.js'

const LOGIN_MS = 10_000

/**
 * A fresh token by `POST /token`; `ca` as in `SessionOptions`. Throws UNAUTHORIZED for wrong credentials,
 * RATE_LIMITED after too many of them, CONNECTION_LOST for all else.
 */
export async function login(url: string, username: string, password: string, ca?: string): Promise<string> {
  return (await requestToken(url, username, password, ca)).access_token
}

/** The same with the token's life, for a caller that keeps it. */
export async function requestToken(
  url: string,
  username: string,
  password: string,
  ca?: string,
  timeoutMs = LOGIN_MS,
): Promise<TokenReply> {
  const form = new URLSearchParams({ username, password }).toString()
  const { status, text } = await post(url, form, ca, timeoutMs)
  if (status === 401) {
    throw new OgentError('UNAUTHORIZED', `The controller refused the credentials of ${username}.`)
  }
  if (status === 429) {
    const { retry_after_seconds } = problemFields(text)
    const when = retry_after_seconds === undefined ? 'in some minutes' : `in ${retry_after_seconds} s`
    const sentence = `Too many failed logins of ${username}: try again ${when}.`
    throw new OgentError('RATE_LIMITED', sentence, { retry_after_seconds })
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

async function post(url: string, form: string, ca: string | undefined, timeoutMs: number) {
  try {
    const { status, body } = await httpRequest({
      url: new URL('token', url.endsWith('/') ? url : `${url}/`),
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
      signal: AbortSignal.timeout(timeoutMs),
      ca,
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
