import type { WebSocket } from 'ws'
import { frameHeader } from '../../../shared/wire/websocket-frame.js'
import type { SocketGate } from './gate.js'

/** A message of more bytes does not wait for others. */
const LARGE_BYTES = 16 * 1024
/** What may wait for company waits so long, in ms: a short command is over by then. */
const COMPANY_MS = 3
/** On a socket that was quiet for so long, in ms, there is no company to wait for. */
const QUIET_MS = 1

type Raw = { cork(): void; uncork(): void; write(data: Uint8Array): unknown; writable: boolean }
type SendOptions = { binary?: boolean }
/**
 * When a message leaves: at once if the socket is quiet, at the end of this turn of the event loop, or when something
 * else does, a moment later at the latest.
 */
export type FlushPolicy = 'immediate' | 'next_tick' | 'coalesce'
type Send = (data: string | Uint8Array, options: SendOptions) => void

/** A message in pieces, none of them copied. */
export class Pieces {
  readonly bytes: number

  constructor(
    readonly list: Uint8Array[],
    readonly binary: boolean,
  ) {
    this.bytes = list.reduce((sum, piece) => sum + piece.length, 0)
  }
}

/**
 * The one way to write to a controller's socket. Small messages share a write as far as their flush allows; a large one
 * leaves at once, and takes along what waits.
 */
export class SocketWriter {
  readonly #raw: Raw
  readonly #send: Send
  readonly #gate: Pick<SocketGate, 'wrote' | 'refused'>
  #corked = false
  #flushing = false
  #flushedAt = 0
  #later: NodeJS.Timeout | undefined

  /** From here on, `socket.send` goes through this writer, and takes `Pieces` too. */
  constructor(socket: WebSocket, raw: Raw, gate: Pick<SocketGate, 'wrote' | 'refused'>) {
    this.#raw = raw
    this.#gate = gate
    // `ws` overloads `send`; bound here with the two arguments that are used.
    this.#send = socket.send.bind(socket) as Send
    socket.send = (data: unknown, options?: unknown) => {
      // What tRPC and the heartbeat hand over: text, or the encoder's pieces.
      this.write(
        data as string | Uint8Array | Pieces,
        'next_tick',
        typeof options === 'object' ? options : undefined,
      )
    }
    socket.once('close', () => clearTimeout(this.#later))
  }

  write(
    message: string | Uint8Array | Pieces,
    flush: FlushPolicy = 'next_tick',
    options: SendOptions | null = null,
  ): void {
    if (this.#gate.refused) return
    // A long text waits outside the heap, as bytes, and is counted as what it takes.
    const isLong = typeof message === 'string' && message.length > LARGE_BYTES && !options?.binary
    const data = isLong ? new Pieces([Buffer.from(message)], false) : message
    if (!this.#corked) {
      this.#corked = true
      this.#raw.cork()
    }
    if (data instanceof Pieces) this.#sendPieces(data)
    else this.#send(data, options ?? { binary: typeof data !== 'string' })
    this.#gate.wrote(data instanceof Pieces ? data.bytes : data.length)
    if (this.#flushing) return
    if (flush === 'coalesce') this.#later ??= setTimeout(() => this.#flush(), COMPANY_MS)
    else if (flush === 'immediate' && performance.now() - this.#flushedAt > QUIET_MS) this.#flush()
    else this.#flushSoon()
  }

  #sendPieces({ list, binary, bytes }: Pieces): void {
    // `ws` writes to this connection at once, too: without compression it holds nothing back, so the order stays.
    if (!this.#raw.writable) return
    this.#raw.write(frameHeader(bytes, binary ? 'binary' : 'text', false))
    for (const piece of list) this.#raw.write(piece)
    if (bytes > LARGE_BYTES) this.#flush()
  }

  #flushSoon(): void {
    this.#flushing = true
    setImmediate(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    clearTimeout(this.#later)
    this.#later = undefined
    if (!this.#corked) return
    this.#corked = false
    this.#flushedAt = performance.now()
    this.#raw.uncork()
  }
}
