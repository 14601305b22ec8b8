import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { getProxyForUrl } from 'proxy-from-env'
import { OgentError } from '../../shared/errors.js'
import { type Reach, trustOptions } from './reach.js'

/** The proxy on the way to a controller. */
export type HttpProxy = {
  /** Its address, without the user and the password that it may be given with: libraries log what they are given. */
  url: URL
  /** The header Proxy-Authorization; undefined without a user. */
  authorization: string | undefined
  /** What names it: a variable of the environment, or the SDK's option. */
  namedBy: string
  /** What to do where no proxy is needed. */
  without: string
  /** What it is to connect to, as an http(s) address. */
  target: URL
}

/** How messages name the option of the SDK. */
const OPTION = 'the option proxy'

/**
 * The one that is given, none for false; else by HTTPS_PROXY or HTTP_PROXY, unless NO_PROXY has the target: one rule for requests and for sockets, which no HTTP library
 * lends to another's sockets. proxy-from-env reads NO_PROXY as Node.js itself does from version 24 on. The loopback interface
 * is no exception, as it is none to curl. Throws CONNECTION_LOST for what is no address of a proxy.
 */
export function proxyFor(address: URL, given?: string | false): HttpProxy | undefined {
  if (given === false) return undefined
  const target = new URL(address.href.replace(/^ws/, 'http'))
  if (given !== undefined) return { ...readAddress(OPTION, given), target, without: 'give false' }
  const name = `${target.protocol.slice(0, -1)}_proxy`
  const variable = [name, name.toUpperCase()].find((one) => textOf(one) !== '')
  if (variable === undefined || getProxyForUrl(target.href) === '') return undefined
  const without = `name ${target.hostname} in NO_PROXY`
  return { ...readAddress(variable, textOf(variable)), target, without }
}

/** It could not be connected to, or did not answer. */
export function proxyUnreachable({ url, namedBy, without }: HttpProxy, why: string): OgentError {
  return lost(
    `The proxy ${url.origin} cannot be reached (${why || 'no connection'}): check ${namedBy}, or ${without} where no proxy is needed.`,
  )
}

/** It answered, and did not connect to the controller. */
export function proxyRefused(proxy: HttpProxy, status: number): OgentError {
  const { url, authorization, namedBy, target } = proxy
  const end = `${target.hostname}:${target.port || (target.protocol === 'https:' ? 443 : 80)}`
  if (status === 407 && authorization === undefined) {
    return lost(
      `The proxy ${url.origin} asks for a user and a password (407): put them before its host in ${namedBy}, as in USER:PASSWORD@${url.host}.`,
    )
  }
  if (status === 407) {
    return lost(
      `The proxy ${url.origin} refuses the user and the password in ${namedBy} (407): correct them.`,
    )
  }
  if (status >= 500) {
    return lost(
      `The proxy ${url.origin} cannot connect to ${end} (${status}): check that the controller runs and that this is its address.`,
    )
  }
  return lost(
    `The proxy ${url.origin} refuses to connect to ${end} (${status}): have it allowed there, or ${proxy.without} where no proxy is needed.`,
  )
}

/** The proxy connected to the controller; what failed is between this side and that. */
export function lostThrough({ url, target }: HttpProxy, why: string, cause?: unknown): OgentError {
  return lost(`No connection to ${target.origin} through the proxy ${url.origin}: ${why}.`, cause)
}

/**
 * Options of the TLS inside a tunnel. The name to check is given: a library that has only a socket checks the certificate
 * of an IP address against another name, or an IPv6 address with its brackets.
 */
export function tunnelTls({ target }: HttpProxy, reach: Reach) {
  const name = target.hostname.replace(/^\[|\]$/g, '')
  return {
    checkServerIdentity: (_: string, certificate: PeerCertificate) => checkServerIdentity(name, certificate),
    ...trustOptions(reach),
  }
}

function readAddress(namedBy: string, text: string): Pick<HttpProxy, 'url' | 'authorization' | 'namedBy'> {
  const address = parseAddress(namedBy, text)
  return { url: new URL(address.origin), authorization: authorizationOf(address), namedBy }
}

function parseAddress(namedBy: string, text: string): URL {
  // As curl has it: without a scheme it is a proxy that speaks HTTP, for https targets too.
  const address = text.includes('://') ? text : `http://${text}`
  if (URL.canParse(address) && /^https?:$/.test(new URL(address).protocol)) return new URL(address)
  const shown = JSON.stringify(text.replace(/^.*@/s, '***@'))
  throw lost(
    `${namedBy} takes the http:// or https:// address of a proxy, such as http://proxy.example:3128, and has ${shown}: correct or unset it.`,
  )
}

function authorizationOf({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined
  const credentials = `${unescaped(username)}:${unescaped(password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** A password may have a % of its own. */
function unescaped(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

function textOf(variable: string): string {
  return process.env[variable]?.trim() ?? ''
}

function lost(sentence: string, cause?: unknown): OgentError {
  return new OgentError('CONNECTION_LOST', sentence, { cause })
}
