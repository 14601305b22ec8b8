import type { HttpsProxyAgent } from 'https-proxy-agent'
import type { OgentError } from '../../shared/errors.js'
import { type HttpProxy, lostThrough, proxyFor, proxyRefused, proxyUnreachable, tunnelTls } from './proxy.js'
import type { Reach } from './reach.js'

/** The way of one socket through a proxy. */
export type Tunnel = {
  /** Options of the socket. */
  options: { agent: HttpsProxyAgent<string>; secureEndpoint: boolean } & ReturnType<typeof tunnelTls>
  /** What a socket that did not open says, with the proxy's part in it. */
  explain(why: string): OgentError
  /** Ends it, also one that the proxy has not answered yet. */
  close(): void
}

/** Undefined where no proxy is on the way. */
export async function tunnelTo(url: URL, reach: Reach): Promise<Tunnel | undefined> {
  const proxy = proxyFor(url, reach.proxy)
  return proxy && openTunnel(proxy, reach)
}

/**
 * By https-proxy-agent, since `ws` takes an agent of node:http and nothing else. It is loaded where it is used: with what it
 * brings it takes 6 MB of memory.
 */
async function openTunnel(proxy: HttpProxy, reach: Reach): Promise<Tunnel> {
  const { HttpsProxyAgent } = await import('https-proxy-agent')
  const ended = new AbortController()
  const { authorization, url, target } = proxy
  const agent = new HttpsProxyAgent(url.href, {
    ...(authorization === undefined ? {} : { headers: { 'proxy-authorization': authorization } }),
    // The agent forgets a socket whose request was given up before the proxy answered, and leaves it open.
    signal: ended.signal,
  })
  // Unless told, it reads from a stack trace whether the socket is to speak TLS, and a program may have shortened those.
  agent.protocol = target.protocol
  let status: number | undefined
  agent.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
    status = statusCode
  })
  return {
    options: { agent, secureEndpoint: target.protocol === 'https:', ...tunnelTls(proxy, reach) },
    explain: (why) => {
      if (status === undefined) return proxyUnreachable(proxy, why)
      return status === 200 ? lostThrough(proxy, why) : proxyRefused(proxy, status)
    },
    close: () => ended.abort(),
  }
}
