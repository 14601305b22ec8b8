import { setTimeout as sleep } from 'node:timers/promises'
import { credentials, START_MS } from './plant.js'

/** How long one reply may take, in ms. */
const REPLY_MS = 120_000
/** A token lives for half an hour. */
const TOKEN_MS = 10 * 60_000

export async function json<T>(url: string, path: string): Promise<T> {
  // Read from the very routes whose schemas are these types.
  return (await (await ask(url, path)).json()) as T
}

export async function bytes(url: string, path: string): Promise<Buffer> {
  return Buffer.from(await (await ask(url, path)).arrayBuffer())
}

/** A reply of a controller, which may have been started just now, or wait for its store. Throws what is no 2xx. */
export async function ask(url: string, path: string, init: RequestInit = {}): Promise<Response> {
  const deadline = performance.now() + START_MS
  while (true) {
    try {
      const headers = { ...init.headers, authorization: `Bearer ${await tokenOf(url)}` }
      const reply = await fetch(`${url}${path}`, { ...init, headers, signal: AbortSignal.timeout(REPLY_MS) })
      if (reply.ok) return reply
      // Another plant may have had this port.
      if (reply.status === 401) tokens.delete(url)
      else if (reply.status !== 503) throw new Refused(`${path}: ${reply.status} ${await reply.text()}`)
      if (performance.now() > deadline) throw new Refused(`${path} is still answered with ${reply.status}`)
    } catch (error) {
      if (error instanceof Refused || performance.now() > deadline) throw error
    }
    await sleep(100)
  }
}

class Refused extends Error {}

const tokens = new Map<string, { token: string; at: number }>()

async function tokenOf(url: string): Promise<string> {
  const held = tokens.get(url)
  if (held && performance.now() - held.at < TOKEN_MS) return held.token
  const reply = await fetch(`${url}/token`, { method: 'POST', body: new URLSearchParams(credentials) })
  if (!reply.ok) throw new Error(`no token: ${reply.status}`)
  const { access_token: token } = (await reply.json()) as { access_token: string }
  tokens.set(url, { token, at: performance.now() })
  return token
}
