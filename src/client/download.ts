import { type ErrorCode, isErrorCode, messageOf, OgentError } from '../shared/errors.js'
import type { TokenKeeper } from './credentials.js'

/** A REST reply piece by piece as it arrives, for what is no event. Leaving the loop ends the transfer. */
export async function* download(
  url: string,
  path: string,
  tokens: TokenKeeper,
): AsyncGenerator<Uint8Array, void> {
  const aborted = new AbortController()
  try {
    const body = await open(url, path, tokens, aborted.signal)
    const reader = body.getReader()
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } catch (cause) {
    if (cause instanceof OgentError) throw cause
    throw new OgentError('CONNECTION_LOST', `The connection to ${url} was lost: ${messageOf(cause)}.`, {
      cause,
    })
  } finally {
    aborted.abort()
  }
}

async function open(
  url: string,
  path: string,
  tokens: TokenKeeper,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const target = new URL(path, url.endsWith('/') ? url : `${url}/`)
  const ask = async () =>
    fetch(target, { signal, headers: { authorization: `Bearer ${await tokens.token()}` } })
  let reply = await ask()
  if (reply.status === 401 && tokens.renew()) reply = await ask()
  if (reply.ok && reply.body) return reply.body
  throw await problemOf(reply)
}

/** What the controller says is wrong; a proxy in between says less. */
async function problemOf(reply: Response): Promise<OgentError> {
  const problem: unknown = await reply.json().catch(() => undefined)
  const { code, detail } = (typeof problem === 'object' && problem !== null ? problem : {}) as Record<
    string,
    unknown
  >
  const known: ErrorCode = isErrorCode(code) ? code : 'CONNECTION_LOST'
  const sentence = typeof detail === 'string' ? detail : `The controller answered with ${reply.status}.`
  return new OgentError(known, sentence)
}
