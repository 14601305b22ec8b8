import type { Socket } from 'node:net'
import type { RawData, WebSocket } from 'ws'
import { frameEncoder } from '../../../shared/wire/frame-codec.js'

/** Bytes of a message before the login: a token, a name and a password have room. */
const MESSAGE_BYTES = 8 * 1024
/** Messages on a socket that has not logged in. */
const MESSAGES = 16
/** How long one may stay that has not logged in, and one that is refused, in ms. */
const STRANGER_MS = 10_000
const REFUSED_MS = 1000

export type Deliver = (data: RawData, isBinary: boolean) => void
type Message = { data: RawData; isBinary: boolean }

/**
 * Guards a socket until its caller is known: it lets little in, and nothing more while a token is checked. After the
 * login messages pass unchecked.
 */
export class StrangerGate {
  readonly #socket: WebSocket
  readonly #raw: Socket
  readonly #timer: NodeJS.Timeout
  #state: 'unnamed' | 'proving' | 'stranger' | 'known' | 'refused' = 'unnamed'
  #held: Message[] = []
  #messages = 0
  #unfinished = 0
  #completed = false
  #deliver: Deliver = () => {}

  constructor(socket: WebSocket, raw: Socket) {
    this.#socket = socket
    this.#raw = raw
    this.#timer = setTimeout(() => this.#late(), STRANGER_MS)
    socket.once('close', () => clearTimeout(this.#timer))
    // After the listener of \`ws\`, which has taken whole messages out of the chunk by then.
    raw.on('data', this.#count)
  }

  get known(): boolean {
    return this.#state === 'known'
  }

  /** Takes a message as long as it is not known who calls. */
  take(data: RawData, isBinary: boolean, deliver: Deliver): void {
    this.#deliver = deliver
    this.#completed = true
    if (this.#state === 'proving') this.#held.push({ data, isBinary })
    else this.#pass({ data, isBinary })
  }

  /** Waits until it is known who calls: what comes meanwhile stays in the kernel, but for one chunk. */
  prove(isKnown: Promise<boolean>): void {
    this.#state = 'proving'
    this.#socket.pause()
    void isKnown.then((known) => this.#proven(known))
  }

  #proven(known: boolean): void {
    if (this.#state !== 'proving') return
    this.#state = known ? 'known' : 'stranger'
    if (known) {
      clearTimeout(this.#timer)
      this.#raw.off('data', this.#count)
    }
    const held = this.#held
    this.#held = []
    this.#socket.resume()
    for (const { data, isBinary } of held) {
      if (known) this.#deliver(data, isBinary)
      else this.#pass({ data, isBinary })
    }
  }

  #pass({ data, isBinary }: Message): void {
    if (this.#state === 'refused') return
    this.#messages += 1
    if (bytesOf(data) > MESSAGE_BYTES) return this.#refuse(4413, TOO_LARGE)
    if (this.#messages > MESSAGES) return this.#refuse(4401, 'log in first')
    const calls = this.#state === 'stranger' ? callsIn(data, isBinary) : 1
    this.#deliver(data, isBinary)
    // Each gets the reason why it is not answered, which a client needs for a token that has expired; then it ends.
    if (calls > 1) this.#refuse(4401, 'log in first: before that, a message holds one call')
  }

  readonly #count = (chunk: Buffer) => {
    // What follows a whole message in the same chunk is not known, and less than the chunk.
    this.#unfinished = this.#completed ? 0 : this.#unfinished + chunk.length
    this.#completed = false
    if (this.#unfinished > MESSAGE_BYTES) this.#refuse(4413, TOO_LARGE)
  }

  #late(): void {
    if (this.#state === 'unnamed') this.#refuse(4408, 'no first message')
    else this.#refuse(4401, 'no login')
  }

  #refuse(code: number, reason: string): void {
    if (this.#state === 'refused' || this.#state === 'known') return
    this.#state = 'refused'
    this.#held = []
    this.#raw.off('data', this.#count)
    this.#socket.pause()
    const close = () => {
      this.#socket.close(code, reason)
      setTimeout(() => this.#socket.terminate(), REFUSED_MS).unref()
    }
    // Answers that are under way leave first.
    setImmediate(close)
  }
}

const TOO_LARGE = `before the login a message takes ${MESSAGE_BYTES} bytes`

function bytesOf(data: RawData): number {
  return Array.isArray(data) ? data.reduce((sum, { length }) => sum + length, 0) : data.byteLength
}

function callsIn(data: RawData, isBinary: boolean): number {
  try {
    const bytes = Buffer.isBuffer(data) ? data : Buffer.alloc(0)
    const decoded = frameEncoder.decode(isBinary ? bytes : bytes.toString())
    return Array.isArray(decoded) ? decoded.length : 1
  } catch {
    // tRPC says that it cannot be read.
    return 1
  }
}
