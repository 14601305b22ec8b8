import { httpRequest } from '../../client/transport/http.js'
import { problemFields } from '../../client/transport/problem.js'
import { shownAddress } from '../../host/settings.js'
import { errorTable, isErrorCode, messageOf, OgentError } from '../../shared/errors.js'

/** How long an answer may take, in ms. */
const ANSWER_MS = 30_000
/** Characters of an answer that are read. */
const MAX_ANSWER = 256 * 1024

/** How a controller is trusted: by these certificates, PEM, and also by those of them that no root has signed. */
export type Trust = { ca: string | undefined; anchored: boolean }

export type Posted = {
  reply: unknown
  /** The controller's clock, in ms since 1970; undefined where it was not told. */
  date: number | undefined
}

/**
 * A POST of JSON to a controller. Throws what the controller answers, by its code, with `date` beside it; CONNECTION_LOST for no
 * answer, UNAVAILABLE for a controller that knows no such request.
 */
export async function postJson(url: string, path: string, body: object, trust: Trust): Promise<Posted> {
  const { status, text, date } = await post(url, path, JSON.stringify(body), trust)
  if (status === 200) return { reply: parsed(text, url), date }
  const { code, sentence, retry_after_seconds } = problemFields(text)
  if (status === 404 || status === 405) {
    throw new OgentError(
      'UNAVAILABLE',
      `The controller at ${shownAddress(url)} knows no agents with keys: update it, or give this agent an account.`,
    )
  }
  if (!isErrorCode(code) || sentence === undefined) {
    throw new OgentError('CONNECTION_LOST', `The controller at ${shownAddress(url)} answered with ${status}.`)
  }
  throw new Refused(new OgentError(code, sentence, { retry_after_seconds }), date)
}

/** Carries the controller's clock along with its refusal. */
export class Refused extends Error {
  constructor(
    readonly error: OgentError,
    readonly date: number | undefined,
  ) {
    super(error.message)
  }
}

async function post(url: string, path: string, body: string, { ca, anchored }: Trust) {
  try {
    const reply = await httpRequest({
      url: new URL(path, url.endsWith('/') ? url : `${url}/`),
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      ca,
      anchored,
      signal: AbortSignal.timeout(ANSWER_MS),
    })
    const decoder = new TextDecoder()
    let text = ''
    for await (const chunk of reply.body) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > MAX_ANSWER) throw new Error('the answer is too long')
    }
    const date = Date.parse(reply.date ?? '')
    return { status: reply.status, text, date: Number.isNaN(date) ? undefined : date }
  } catch (cause) {
    if (cause instanceof OgentError) throw cause
    const why =
      cause instanceof Error && cause.cause !== undefined ? messageOf(cause.cause) : messageOf(cause)
    throw new OgentError('CONNECTION_LOST', `No answer from ${shownAddress(url)}: ${why}.`, { cause })
  }
}

function parsed(text: string, url: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const sentence = `What answers at ${shownAddress(url)} is no controller.`
    throw new OgentError('CONNECTION_LOST', sentence, { cause })
  }
}

/** Whether the same request may be answered otherwise later. */
export function isPassing({ code }: OgentError): boolean {
  return errorTable[code].retryable
}
