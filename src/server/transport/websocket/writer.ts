import type { WebSocket } from 'ws'
import { frameHeader } from '../../../shared/wire/websocket-frame.js'
import type { SocketGate } from './gate.js'
import { Pieces } from './pieces.js'

/** A message of more bytes does not wait for others. */
const LARGE_BYTES = 16 * 1024
/** What may wait for company waits so long, in ms: a short command is over by then. */
const COMPANY_MS = 3
/** On a socket that was quiet for so long, in ms, there is no company to wait for. */
const QUIET_MS = 1

type Raw = { cork(): void; uncork(): void; write(data: Uint8Array): unknown; writable: boolean }
/**
 * When a message leaves: at once if the socket is quiet, at the end of this turn of the event loop, or when something
 * else does, a moment later at the latest.
 */
export type FlushPolicy = 'immediate' | 'next_tick' | 'coalesce'

/**
 * The one way to write to a controller's socket. Small messages share a write as far as their flush allows; a large one
 * leaves at once, and takes along what waits.
 */
export class SocketWriter {
  readonly #socket: WebSocket
  readonly #raw: Raw
  readonly #gate: Pick<SocketGate, 'wrote' | 'refused'>
  #corked = false
  #flushing = false
  #flushedAt = 0
  #later: NodeJS.Timeout | undefined

  constructor(socket: WebSocket, raw: Raw, gate: Pick<SocketGate, 'wrote' | 'refused'>) {
    this.#socket = socket
    this.#raw = raw
    this.#gate = gate
    socket.once('close', () => clearTimeout(this.#later))
  }

  write(message: string | Pieces, flush: FlushPolicy = 'next_tick'): void {
    if (this.#gate.refused) return
    // A long text waits outside the heap, as bytes, and is counted as what it takes.
    const isLong = typeof message === 'string' && message.length > LARGE_BYTES
    const data = isLong ? new Pieces([Buffer.from(message)], false) : message
    if (!this.#corked) {
      this.#corked = true
      this.#raw.cork()
    }
    if (data instanceof Pieces) this.#sendPieces(data)
    else this.#socket.send(data, { binary: false })
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
