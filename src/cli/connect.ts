import { createOgentClient, type OgentClient } from '../client/client.js'
import { OgentError } from '../shared/errors.js'

export type ConnectionFlags = { url?: string; username?: string }

const DEFAULT_URL = 'http://localhost:8001'

/** A client by the flags and OGENT_URL, OGENT_TOKEN, OGENT_USERNAME, OGENT_PASSWORD. */
export function connect(flags: ConnectionFlags): OgentClient {
  const { OGENT_URL, OGENT_TOKEN, OGENT_USERNAME, OGENT_PASSWORD } = process.env
  const url = flags.url ?? OGENT_URL ?? DEFAULT_URL
  if (!URL.canParse(url)) throw new OgentError('VALIDATION_FAILED', `${url} is not a URL of a controller`)
  if (OGENT_TOKEN && flags.username === undefined) return createOgentClient({ url, token: OGENT_TOKEN })
  const username = flags.username ?? OGENT_USERNAME
  if (!username || !OGENT_PASSWORD) {
    throw new OgentError(
      'UNAUTHORIZED',
      'Who are you? Set OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN.',
    )
  }
  return createOgentClient({ url, username, password: OGENT_PASSWORD })
}
