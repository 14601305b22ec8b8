import type { HttpReply, HttpRequest } from './http.js'
import type { Fetch } from './reach.js'

/** One HTTP request by a function of the program's own, or by the browser's. */
export async function requestByFetch(fetch: Fetch, request: HttpRequest): Promise<HttpReply> {
  const { url, method, headers, body, signal } = request
  const reply = await fetch(url.href, { method, headers, signal, ...(body === undefined ? {} : { body }) })
  return { status: reply.status, body: chunksOf(reply.body) }
}

/** By a reader: not every browser can loop over a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array, void> {
  const reader = body?.getReader()
  if (!reader) return
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value
  } finally {
    await reader.cancel().catch(() => {})
  }
}
