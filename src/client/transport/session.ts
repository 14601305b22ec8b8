import { limits } from '../../shared/commands/limits.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import { splitFrame } from '../../shared/wire/frame-codec.js'
import { plainTransformer } from '../../shared/wire/plain-transformer.js'
import type { Reach } from './reach.js'
import { dropSocket, frameOf, openSocket, type Socket, sendFrame } from './websocket.js'

/** One tRPC call on a session. */
export type Call = {
  type: 'query' | 'mutation' | 'subscription'
  path: string
  input: unknown
}

/** What a call hears. Exactly one of `error` and `complete` comes, last. */
export type CallObserver = {
  /** `data` of a tracked event is `{id, data}`, as tRPC has it. */
  data(data: unknown): void
  started?(): void
  /** An error reply of the server (tRPC's error shape), or an `OgentError` of the session. */
  error(error: { shape: unknown } | OgentError): void
  complete(): void
}

export type SessionOptions = Pick<Reach, 'ca' | 'anchored' | 'proxy'> & {
  /** http(s):// or ws(s):// base of the controller. */
  url: string
  token: string
  /** Milliseconds to wait for the socket to open. */
  connectTimeoutMs?: number
  signal?: AbortSignal | undefined
}

/** The server pings after 5 s of quiet: a session that hears nothing for so long, in ms, has lost its peer. */
const SILENCE_MS = 13_000
const CONNECT_TIMEOUT_MS = 10_000
/** Calls of one tick share a frame of about this many characters. */
const FRAME_CHARACTERS = 256 * 1024
const FRAME_CALLS = 100
const OPEN = 1

/**
 * One WebSocket from open to close, speaking tRPC's protocol. It never reconnects: its owner opens another.
 * Calls made in one tick go in one frame, sent in a microtask; the stock link sleeps before each send.
 */
export class Session {
  /** Resolves when the socket is gone, however it went. */
  readonly closed: Promise<OgentError>
  /** Whether new calls may still go here: not after a loss, nor after the server asked to reconnect. */
  usable = true
  /** Called when the server asks its clients to go elsewhere. */
  onReconnect: () => void = () => {}

  readonly #socket: Socket
  readonly #calls = new Map<number, { call: Call; observer: CallObserver }>()
  readonly #watch: ReturnType<typeof setInterval>
  #lastId = 0
  #outgoing: string[] = []
  #heardAt = performance.now()
  #resolveClosed: (error: OgentError) => void = () => {}
  #error: OgentError | undefined

  private constructor(socket: Socket, token: string) {
    this.#socket = socket
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve
    })
    socket.onmessage = ({ data }) => this.#receive(data)
    socket.onerror = () => {}
    socket.onclose = ({ code, reason }) => {
      this.#lose(`The connection to the controller closed (${[code, reason].filter(Boolean).join(' ')}).`)
    }
    socket.send(JSON.stringify({ method: 'connectionParams', data: { token, frames: 'binary' } }))
    this.#watch = setInterval(() => this.#checkSilence(), SILENCE_MS / 10)
  }

  /** Rejects with CONNECTION_LOST when the socket does not open in time, or with the signal's reason. */
  static async open(options: SessionOptions): Promise<Session> {
    options.signal?.throwIfAborted()
    const socket = await openSocket(socketUrl(options.url), options)
    socket.binaryType = 'arraybuffer'
    await opened(socket, options)
    return new Session(socket, options.token)
  }

  /** Starts a call; the returned function stops it. */
  call(call: Call, observer: CallObserver): () => void {
    if (!this.usable) {
      observer.error(this.#error ?? lost('The controller asked its clients to reconnect.'))
      return () => {}
    }
    this.#lastId += 1
    const id = this.#lastId
    const { type, path } = call
    const input = plainTransformer.serialize(call.input)
    const frame = frameOf({ id, method: type, params: { path, input } })
    const length = lengthOf(frame)
    if (length > limits.message) {
      observer.error(new OgentError('PAYLOAD_TOO_LARGE', `A message takes ${limits.message} bytes at most.`))
      return () => {}
    }
    this.#calls.set(id, { call, observer })
    this.#send(frame, length)
    return () => {
      if (!this.#calls.delete(id)) return
      if (type === 'subscription') this.#send(JSON.stringify({ id, method: 'subscription.stop' }))
      this.#closeIfDrained()
    }
  }

  /** Takes no new calls; closes once those that are open have ended. */
  retire(): void {
    this.usable = false
    this.#closeIfDrained()
  }

  /** Ends the session at once; calls that are open fail with CLOSED. */
  close(): void {
    this.#end(new OgentError('CLOSED', 'The connection was closed by this side.'))
    this.#socket.close(1000)
  }

  #send(frame: string | Uint8Array[], length = lengthOf(frame)): void {
    if (typeof frame !== 'string') {
      this.#flush()
      return sendFrame(this.#socket, frame, length)
    }
    if (this.#outgoing.length === 0) queueMicrotask(() => this.#flush())
    this.#outgoing.push(frame)
  }

  #flush(): void {
    const frames = this.#outgoing
    this.#outgoing = []
    if (this.#socket.readyState !== OPEN) return
    let from = 0
    let size = 0
    for (let to = 0; to < frames.length; to++) {
      size += frames[to]?.length ?? 0
      if (size < FRAME_CHARACTERS && to - from < FRAME_CALLS - 1 && to < frames.length - 1) continue
      const group = frames.slice(from, to + 1)
      this.#socket.send(group.length === 1 && group[0] !== undefined ? group[0] : `[${group.join(',')}]`)
      from = to + 1
      size = 0
    }
  }

  #receive(data: unknown): void {
    this.#heardAt = performance.now()
    if (data === 'PING') return this.#socket.send('PONG')
    if (data === 'PONG') return
    let message: unknown
    try {
      // Both kinds of socket give text as string and, by `binaryType`, bytes as ArrayBuffer.
      message = typeof data === 'string' ? JSON.parse(data) : splitFrame(new Uint8Array(data as ArrayBuffer))
    } catch (cause) {
      this.#lose(`The controller sent a frame that cannot be read: ${messageOf(cause)}.`)
      dropSocket(this.#socket)
      return
    }
    for (const item of Array.isArray(message) ? message : [message]) this.#handle(item as ServerMessage)
  }

  #handle(message: ServerMessage): void {
    if (message.method === 'reconnect') return this.#leave()
    const open = typeof message.id === 'number' ? this.#calls.get(message.id) : undefined
    if (!open || typeof message.id !== 'number') return
    if (message.error !== undefined) {
      this.#calls.delete(message.id)
      open.observer.error({ shape: plainTransformer.deserialize(message.error) })
    } else if (message.result?.type === 'started') {
      open.observer.started?.()
    } else if (message.result?.type === 'stopped') {
      this.#calls.delete(message.id)
      open.observer.complete()
    } else {
      if (open.call.type !== 'subscription') this.#calls.delete(message.id)
      open.observer.data(plainTransformer.deserialize(message.result?.data))
      if (open.call.type !== 'subscription') open.observer.complete()
    }
    this.#closeIfDrained()
  }

  /** The server is going away: subscriptions move at once, other calls may finish here. */
  #leave(): void {
    if (!this.usable) return
    this.usable = false
    this.onReconnect()
    for (const [id, { call, observer }] of this.#calls) {
      if (call.type !== 'subscription') continue
      this.#calls.delete(id)
      observer.error(lost('The controller asked its clients to reconnect.'))
    }
    this.#closeIfDrained()
  }

  #closeIfDrained(): void {
    if (!this.usable && this.#calls.size === 0 && !this.#error) this.close()
  }

  #checkSilence(): void {
    if (performance.now() - this.#heardAt < SILENCE_MS) return
    this.#lose(`The controller was silent for ${SILENCE_MS / 1000} s.`)
    dropSocket(this.#socket)
  }

  #lose(sentence: string): void {
    this.#end(lost(sentence))
  }

  #end(error: OgentError): void {
    if (this.#error) return
    this.#error = error
    this.usable = false
    clearInterval(this.#watch)
    const calls = [...this.#calls.values()]
    this.#calls.clear()
    this.#resolveClosed(error)
    for (const { observer } of calls) observer.error(error)
  }
}

function lengthOf(frame: string | Uint8Array[]): number {
  return typeof frame === 'string' ? frame.length : frame.reduce((sum, piece) => sum + piece.length, 0)
}

/** What the server may send, as far as it is read here. */
type ServerMessage = {
  id?: unknown
  method?: unknown
  error?: unknown
  result?: { type?: unknown; data?: unknown }
}

function lost(sentence: string): OgentError {
  return new OgentError('CONNECTION_LOST', sentence)
}

function socketUrl(base: string): string {
  const url = new URL(base)
  url.protocol = url.protocol.replace(/^http/, 'ws')
  url.pathname = `${url.pathname.replace(/\/$/, '')}/trpc`
  url.search = '?connectionParams=1'
  return url.toString()
}

/** Of the two kinds of socket, only a browser's keeps the reason to itself. */
const UNTOLD =
  'it failed, and browsers do not tell why; is the controller up, and does its CORS_ORIGINS list the origin of this page'

function opened(socket: Socket, options: SessionOptions): Promise<void> {
  const { signal, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown) => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
      socket.onopen = null
      socket.onclose = null
      // An error event without a listener would end the process.
      socket.onerror = () => {}
      if (error === undefined) return resolve()
      dropSocket(socket)
      reject(error)
    }
    const fail = (why: string) =>
      settle(socket.explain?.(why) ?? lost(`No connection to ${options.url}: ${why}.`))
    const timer = setTimeout(() => fail(`no answer in ${connectTimeoutMs / 1000} s`), connectTimeoutMs)
    const onAbort = () => settle(signal?.reason)
    if (signal?.aborted) return onAbort()
    signal?.addEventListener('abort', onAbort, { once: true })
    socket.onopen = () => settle()
    socket.onerror = ({ message }) => fail(message ?? UNTOLD)
    socket.onclose = ({ code }) => fail(`closed with code ${code}`)
  })
}
