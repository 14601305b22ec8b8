import { type ErrorCode, isErrorCode, messageOf, OgentError } from '../../shared/errors.js'
import { orAborted } from '../abort.js'
import type { CallSite } from '../call-site.js'
import type { TokenKeeper } from '../transport/credentials.js'
import { httpRequest } from '../transport/http.js'
import { problemFields } from '../transport/problem.js'
import type { HttpReply, Reach } from '../transport/reach.js'

/** What is asked for. */
export type Fetched = {
  /** Below the controller's address. */
  path: string
  /** Ends the transfer: the loop throws the signal's reason. */
  signal?: AbortSignal | undefined
  /** Where the caller asked for it. */
  site: CallSite
}

type Download = Fetched & { url: string; tokens: TokenKeeper; reach: Reach }

/** A REST reply piece by piece as it arrives, for what is no event. Leaving the loop ends the transfer. */
export async function* download(options: Download): AsyncGenerator<Uint8Array, void> {
  const left = new AbortController()
  const { signal, site } = options
  const onAbort = () => left.abort(signal?.reason)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    signal?.throwIfAborted()
    yield* await open(options, left.signal)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof OgentError) throw site.error(cause)
    const sentence = `The connection to ${options.url} was lost: ${messageOf(cause)}.`
    throw site.error(new OgentError('CONNECTION_LOST', sentence, { cause }))
  } finally {
    signal?.removeEventListener('abort', onAbort)
    left.abort()
  }
}

async function open({ url, path, tokens, reach }: Download, signal: AbortSignal): Promise<HttpReply['body']> {
  const target = new URL(path, url.endsWith('/') ? url : `${url}/`)
  const ask = async () => {
    const headers = { authorization: `Bearer ${await orAborted(tokens.token(), signal)}` }
    return httpRequest({ ...reach, url: target, method: 'GET', headers, signal })
  }
  let reply = await ask()
  if (reply.status === 401 && tokens.renew()) reply = await ask()
  if (reply.status === 200) return reply.body
  throw await problemOf(reply)
}

/** What the controller says is wrong; a proxy in between says less. */
async function problemOf({ status, body }: HttpReply): Promise<OgentError> {
  const decoder = new TextDecoder()
  let text = ''
  for await (const part of body) text += decoder.decode(part, { stream: true })
  const {
    code,
    sentence = `The controller answered with ${status}.`,
    retry_after_seconds,
  } = problemFields(text)
  const known: ErrorCode = isErrorCode(code) ? code : 'CONNECTION_LOST'
  return new OgentError(known, sentence, { retry_after_seconds })
}
