import { messageOf, OgentError } from '../../shared/errors.js'
import { type TokenReply, tokenReplySchema } from '../../shared/identity.js'

const LOGIN_MS = 10_000

/** A fresh token by `POST /token`. Throws UNAUTHORIZED for wrong credentials, CONNECTION_LOST for all else. */
export async function login(url: string, username: string, password: string): Promise<string> {
  return (await requestToken(url, username, password)).access_token
}

/** The same with the token's life, for whoever keeps it. */
export async function requestToken(url: string, username: string, password: string): Promise<TokenReply> {
  let response: Response
  try {
    response = await fetch(new URL('token', url.endsWith('/') ? url : `${url}/`), {
      method: 'POST',
      body: new URLSearchParams({ username, password }),
      signal: AbortSignal.timeout(LOGIN_MS),
    })
  } catch (cause) {
    const why =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
    throw new OgentError('CONNECTION_LOST', `No answer from ${url}: ${why}.`, { cause })
  }
  if (response.status === 401) {
    throw new OgentError('UNAUTHORIZED', `The controller refused the credentials of ${username}.`)
  }
  if (!response.ok) {
    throw new OgentError(
      'CONNECTION_LOST',
      `The controller at ${url} answered the login with ${response.status}.`,
    )
  }
  return tokenReplySchema.parse(await response.json())
}
