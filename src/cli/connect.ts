import { readFileSync } from 'node:fs'
import { createOgentClient, type OgentClient } from '../client/client.js'
import { messageOf, OgentError } from '../shared/errors.js'

export type ConnectionFlags = { url?: string; username?: string }

const DEFAULT_URL = 'http://localhost:8001'

/** A client by the flags and OGENT_URL, OGENT_CA, OGENT_TOKEN, OGENT_USERNAME, OGENT_PASSWORD. */
export function connect(flags: ConnectionFlags): OgentClient {
  const { OGENT_URL, OGENT_TOKEN, OGENT_USERNAME, OGENT_PASSWORD } = process.env
  const url = flags.url ?? OGENT_URL ?? DEFAULT_URL
  if (!URL.canParse(url)) throw new OgentError('VALIDATION_FAILED', `${url} is not a URL of a controller`)
  const trust = trusted(process.env.OGENT_CA)
  if (OGENT_TOKEN && flags.username === undefined)
    return createOgentClient({ url, ...trust, token: OGENT_TOKEN })
  const username = flags.username ?? OGENT_USERNAME
  if (!username || !OGENT_PASSWORD) {
    throw new OgentError(
      'UNAUTHORIZED',
      'Who are you? Set OGENT_USERNAME and OGENT_PASSWORD, or OGENT_TOKEN.',
    )
  }
  return createOgentClient({ url, ...trust, username, password: OGENT_PASSWORD })
}

/** The certificates of a file, for a controller whose certificate nobody else has signed. */
function trusted(file: string | undefined): { ca?: string } {
  if (!file) return {}
  try {
    return { ca: readFileSync(file, 'utf8') }
  } catch (error) {
    throw new OgentError('VALIDATION_FAILED', `OGENT_CA: ${file} cannot be read: ${messageOf(error)}`)
  }
}
