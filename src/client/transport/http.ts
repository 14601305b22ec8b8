import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { Dispatcher } from 'undici'
import { messageOf, type OgentError } from '../../shared/errors.js'
import { type HttpProxy, lostThrough, proxyFor, proxyRefused, proxyUnreachable, tunnelTls } from './proxy.js'
import { type HttpReply, type HttpRequest, requestByFetch, trustOptions } from './reach.js'

/**
 * One HTTP request, on Node.js, by way of the proxy that the program or the environment names for it. Not by the `fetch` of
 * Node.js, which takes neither a proxy nor a certificate of one's own without a library. Throws CONNECTION_LOST for what a proxy
 * has to do with, else what Node.js throws. Bundlers for the browser take `http-browser` instead (package.json).
 */
export async function httpRequest(request: HttpRequest): Promise<HttpReply> {
  if (request.fetch) return requestByFetch(request.fetch, request)
  const proxy = proxyFor(request.url, request.proxy)
  return proxy ? requestThrough(proxy, request) : requestDirectly(request)
}

function requestDirectly({ url, method, headers, body, signal, ...reach }: HttpRequest): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const options = {
      method,
      headers: { ...headers, ...length },
      signal,
      // What is asked for this way is asked seldom: no connection is kept for another time.
      agent: false,
      ...trustOptions(reach),
    }
    const request = (url.protocol === 'https:' ? tlsRequest : plainRequest)(url, options, (reply) => {
      resolve({ status: reply.statusCode ?? 0, date: reply.headers.date, body: reply })
    })
    request.once('error', reject)
    request.end(body)
  })
}

/**
 * By undici, what the `fetch` of Node.js is made of, for its ProxyAgent, which Node.js keeps to itself. It is loaded only
 * where a proxy is: it takes 16 MB of memory and a tenth of a second, which is much for an agent and for one `ogent run`.
 * An http target is reached by a tunnel as an https one is, since the socket that comes after needs one anyway.
 */
async function requestThrough(proxy: HttpProxy, request: HttpRequest): Promise<HttpReply> {
  const { url, method, headers, body = null, signal } = request
  const undici = await import('undici')
  const connect = undici.buildConnector({})
  let reached = false
  const dispatcher = new undici.ProxyAgent({
    uri: proxy.url.href,
    ...(proxy.authorization === undefined ? {} : { token: proxy.authorization }),
    requestTls: tunnelTls(proxy, request),
    clientFactory: (origin) =>
      new undici.Pool(origin, {
        connect: (options, callback) =>
          connect(options, (...result) => {
            reached = result[0] === null
            callback(...result)
          }),
      }),
    // As without a proxy, the signal says how long is waited.
    headersTimeout: 0,
    bodyTimeout: 0,
  })
  try {
    const reply = await undici.request(url, { method, headers, body, signal, dispatcher })
    const { date } = reply.headers
    return {
      status: reply.statusCode,
      date: Array.isArray(date) ? date[0] : date,
      body: bodyOf(reply, dispatcher),
    }
  } catch (cause) {
    await dispatcher.destroy()
    throw proxyFailure(proxy, reached, cause)
  }
}

/** No connection is kept for another time here either. A body that is not read ends by the request's signal. */
async function* bodyOf({ body }: Dispatcher.ResponseData, dispatcher: Dispatcher): HttpReply['body'] {
  try {
    yield* body
  } finally {
    await dispatcher.destroy()
  }
}

function proxyFailure(proxy: HttpProxy, reached: boolean, cause: unknown): OgentError {
  const why = messageOf(cause)
  if (!reached) return proxyUnreachable(proxy, why)
  // The status is in undici's sentence alone.
  const [, status] = /^Proxy response \((\d+)\)/.exec(why) ?? []
  return status === undefined ? lostThrough(proxy, why, cause) : proxyRefused(proxy, Number(status))
}
