/** One WebSocket frame as it went over the wire. */
export type WireFrame = {
  /** Header and payload. */
  bytes: Buffer
  /** The payload without its mask, one character a byte: enough to find words in it. */
  text: string
}

const NOTHING = Buffer.alloc(0)
const HEAD_END = '\r\n\r\n'

/**
 * Cuts one direction of a TCP connection into WebSocket frames (RFC 6455, 5.2), from after the upgrade's HTTP
 * head. A connection without an upgrade comes out raw.
 */
export class FrameReader {
  readonly #masked: boolean
  #kind: 'unknown' | 'http' | 'websocket' = 'unknown'
  #rest: Buffer = NOTHING

  /** `masked`: frames from the client carry a mask. */
  constructor(masked: boolean) {
    this.#masked = masked
  }

  push(data: Buffer): { raw: Buffer; frames: WireFrame[] } {
    if (this.#kind === 'http') return { raw: data, frames: [] }
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data])
    let raw: Buffer = NOTHING
    if (this.#kind === 'unknown') {
      if (!isHttp(this.#rest)) {
        this.#kind = 'http'
        return { raw: this.#rest, frames: [] }
      }
      const end = this.#rest.indexOf(HEAD_END)
      if (end < 0) return { raw, frames: [] }
      const head = this.#rest.subarray(0, end).toString('latin1')
      this.#kind = /^upgrade: *websocket/im.test(head) ? 'websocket' : 'http'
      raw = this.#kind === 'http' ? this.#rest : this.#rest.subarray(0, end + HEAD_END.length)
      this.#rest = this.#rest.subarray(raw.length)
    }
    const frames: WireFrame[] = []
    for (let frame = this.#next(); frame; frame = this.#next()) frames.push(frame)
    return { raw, frames }
  }

  #next(): WireFrame | undefined {
    const data = this.#rest
    if (data.length < 2) return undefined
    const short = (data[1] ?? 0) & 0x7f
    const lengthBytes = short === 126 ? 2 : short === 127 ? 8 : 0
    const start = 2 + lengthBytes + (this.#masked ? 4 : 0)
    if (data.length < start) return undefined
    const length =
      lengthBytes === 2 ? data.readUInt16BE(2) : lengthBytes === 8 ? Number(data.readBigUInt64BE(2)) : short
    if (data.length < start + length) return undefined
    const bytes = data.subarray(0, start + length)
    this.#rest = data.subarray(start + length)
    const payload = Buffer.from(bytes.subarray(start))
    if (this.#masked) {
      const mask = bytes.subarray(start - 4, start)
      for (let at = 0; at < payload.length; at++) payload[at] = (payload[at] ?? 0) ^ (mask[at % 4] ?? 0)
    }
    return { bytes, text: payload.toString('latin1') }
  }
}

/** Whether this begins as HTTP does, or may yet; SSH and others have no head to wait for. */
function isHttp(data: Buffer): boolean {
  return /^[A-Z]+(?:[ /]|$)/.test(data.toString('latin1', 0, 16))
}
