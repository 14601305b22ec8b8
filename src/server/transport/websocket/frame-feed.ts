import type { RawData } from 'ws'
import { frameEncoder } from '../../../shared/wire/frame-codec.js'
import type { SocketGate } from './gate.js'

/** Calls of one message that are handed on at a time: a call at work takes fifty times what it takes in its message. */
const CALLS_AT_A_TIME = 16
/** Bytes of a message that cannot hold more calls than that. */
const SHORT_BYTES = 700
const BRACKET = 0x5b
const BLANK = 0x20

type Listener = (data: RawData, isBinary: boolean) => void
type Message = { data: Buffer; isBinary: boolean; listener: Listener }

/**
 * Hands on the calls of a long message a few at a time, as those before them end. The others wait as the bytes that they
 * came in, and so do the messages that came behind them; nothing more is read meanwhile.
 */
export class FrameFeed {
  readonly #gate: Pick<SocketGate, 'hasRoomForCalls'>
  readonly #maxCalls: number
  #waiting: Message[] = []
  #feeding = false

  /** Messages of more than `maxCalls` go on whole, to be refused. */
  constructor(gate: Pick<SocketGate, 'hasRoomForCalls'>, maxCalls: number) {
    this.#gate = gate
    this.#maxCalls = maxCalls
  }

  take(data: RawData, isBinary: boolean, listener: Listener): void {
    if (!this.#feeding && (!Buffer.isBuffer(data) || !mayBeLong(data, isBinary)))
      return listener(data, isBinary)
    // `ws` gives other kinds only to those who ask for them.
    if (!Buffer.isBuffer(data)) return
    this.#waiting.push({ data, isBinary, listener })
    if (!this.#feeding) void this.#feed()
  }

  async #feed(): Promise<void> {
    this.#feeding = true
    for (let next = this.#waiting.shift(); next; next = this.#waiting.shift()) {
      for (const { data, isBinary } of this.#partsOf(next)) {
        next.listener(data, isBinary)
        if (await this.#gate.hasRoomForCalls()) continue
        this.#waiting = []
        return
      }
    }
    this.#feeding = false
  }

  #partsOf({ data, isBinary }: Message): { data: Buffer; isBinary: boolean }[] {
    const calls = mayBeLong(data, isBinary) ? decoded(data, isBinary) : undefined
    if (!Array.isArray(calls) || calls.length <= CALLS_AT_A_TIME || calls.length > this.#maxCalls) {
      return [{ data, isBinary }]
    }
    const parts: { data: Buffer; isBinary: boolean }[] = []
    for (let at = 0; at < calls.length; at += CALLS_AT_A_TIME) {
      const part = frameEncoder.encode(calls.slice(at, at + CALLS_AT_A_TIME))
      parts.push({ data: Buffer.from(part), isBinary: typeof part !== 'string' })
    }
    return parts
  }
}

function mayBeLong(data: Buffer, isBinary: boolean): boolean {
  if (data.length <= SHORT_BYTES) return false
  return isBinary || data.find((byte) => byte > BLANK) === BRACKET
}

function decoded(data: Buffer, isBinary: boolean): unknown {
  try {
    return frameEncoder.decode(isBinary ? data : data.toString())
  } catch {
    // tRPC says that it cannot be read.
    return undefined
  }
}
