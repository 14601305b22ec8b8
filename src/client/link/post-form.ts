import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { text } from 'node:stream/consumers'

export type FormReply = { status: number; body: string }

/**
 * Posts a form, on Node.js. Not by `fetch`, which there takes no certificate of one's own without a library. Bundlers
 * for the browser take `post-form-browser` instead (package.json).
 */
export function postForm(
  url: URL,
  fields: Record<string, string>,
  options: { timeoutMs: number; ca: string | undefined },
): Promise<FormReply> {
  const body = new URLSearchParams(fields).toString()
  return new Promise((resolve, reject) => {
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          'content-length': Buffer.byteLength(body),
        },
        signal: AbortSignal.timeout(options.timeoutMs),
        // A login is one request: no connection is kept for another.
        agent: false,
        ...(options.ca === undefined ? {} : { ca: options.ca }),
      },
      (response) => {
        text(response).then((said) => resolve({ status: response.statusCode ?? 0, body: said }), reject)
      },
    )
    request.once('error', reject)
    request.end(body)
  })
}
