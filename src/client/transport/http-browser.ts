import type { HttpReply, HttpRequest } from './http.js'

/** One HTTP request, in a browser, which knows by itself whom to trust. */
export async function httpRequest({ url, method, headers, body, signal }: HttpRequest): Promise<HttpReply> {
  const reply = await fetch(url, { method, headers, signal, ...(body === undefined ? {} : { body }) })
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
