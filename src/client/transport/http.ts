import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'

export type HttpRequest = {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
  signal: AbortSignal
  /** Certificates to trust instead of those that Node.js comes with, as PEM text. */
  ca?: string | undefined
}

export type HttpReply = { status: number; body: AsyncIterable<Uint8Array> }

/**
 * One HTTP request, on Node.js. Not by `fetch`, which there takes no certificate of one's own without a library.
 * Bundlers for the browser take `http-browser` instead (package.json).
 */
export function httpRequest({ url, method, headers, body, signal, ca }: HttpRequest): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const options = {
      method,
      headers: { ...headers, ...length },
      signal,
      // What is asked for this way is asked seldom: no connection is kept for another time.
      agent: false,
      ...(ca === undefined ? {} : { ca }),
    }
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, options, (reply) => {
      resolve({ status: reply.statusCode ?? 0, body: reply })
    })
    request.once('error', reject)
    request.end(body)
  })
}
