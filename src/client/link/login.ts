import { messageOf, OgentError } from '../../shared/errors.js'
import { tokenReplySchema } from '../../shared/identity.js'
import { type FormReply, postForm } from './post-form.js'

const LOGIN_MS = 10_000

/**
 * A fresh token by `POST /token`; `ca` as in `SessionOptions`. Throws UNAUTHORIZED for wrong credentials,
 * RATE_LIMITED after too many of them, CONNECTION_LOST for all else.
 */
export async function login(url: string, username: string, password: string, ca?: string): Promise<string> {
  const { status, body } = await post(url, { username, password }, ca)
  if (status === 401) {
    throw new OgentError('UNAUTHORIZED', `The controller refused the credentials of ${username}.`)
  }
  if (status === 429) {
    throw new OgentError('RATE_LIMITED', `Too many failed logins of ${username}: try again in some minutes.`)
  }
  if (status !== 200) {
    throw new OgentError('CONNECTION_LOST', `The controller at ${url} answered the login with ${status}.`)
  }
  try {
    return tokenReplySchema.parse(JSON.parse(body)).access_token
  } catch (cause) {
    throw new OgentError('CONNECTION_LOST', `What answers at ${url} is no controller.`, { cause })
  }
}

async function post(url: string, fields: Record<string, string>, ca: string | undefined): Promise<FormReply> {
  try {
    return await postForm(new URL('token', url.endsWith('/') ? url : `${url}/`), fields, {
      timeoutMs: LOGIN_MS,
      ca,
    })
  } catch (cause) {
    const why =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
    throw new OgentError('CONNECTION_LOST', `No answer from ${url}: ${why}.`, { cause })
  }
}
