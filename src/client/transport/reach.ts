/** How a controller is reached, besides its address. */
export type Reach = {
  /** Certificates to trust instead of those that Node.js comes with, as PEM text. A browser knows its own. */
  ca?: string | undefined
  /** Whether certificates in `ca` are trusted that no root has signed, such as one that is pinned; false. */
  anchored?: boolean | undefined
  /** The address of the proxy on the way; false: none; undefined: that of the environment. A browser knows its own. */
  proxy?: string | false | undefined
  /** What makes requests over HTTP; undefined: Node.js, or the browser. */
  fetch?: Fetch | undefined
}

/** The same for TLS, as Node.js takes it. */
export function trustOptions({ ca, anchored }: Reach): { ca?: string; allowPartialTrustChain?: boolean } {
  return { ...(ca === undefined ? {} : { ca }), ...(anchored ? { allowPartialTrustChain: true } : {}) }
}

export type HttpRequest = Reach & {
  url: URL
  method: 'GET' | 'POST'
  headers: Record<string, string>
  body?: string
  signal: AbortSignal
}

export type HttpReply = {
  status: number
  /** What the header `Date` says; undefined for one that a `fetch` of the program's own has brought. */
  date?: string | undefined
  body: AsyncIterable<Uint8Array>
}

/** Makes a request over HTTP, as the `fetch` of browsers and of Node.js does. */
export type Fetch = (url: string, init: FetchInit) => Promise<FetchReply>

/** A request over HTTP, as far as one is made here: a part of `RequestInit`. */
export interface FetchInit {
  /** Its method. */
  method: 'GET' | 'POST'
  /** Its headers, by their names in lower case. */
  headers: Record<string, string>
  /** Its body; none. */
  body?: string
  /** Ends it, also while its reply is read. */
  signal: AbortSignal
}

/** The reply to a request over HTTP, as far as it is read here: a part of `Response`. */
export interface FetchReply {
  /** Its HTTP status. */
  readonly status: number
  /** Its body; null where there is none. */
  readonly body: ReadableStream<Uint8Array> | null
}

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
