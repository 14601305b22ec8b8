import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, Socket } from 'node:net'
import { FrameReader, type WireFrame } from '../faults/frames.js'

/** `up` is from the one who dialled to the controller, `down` the other way. */
export type Direction = 'up' | 'down'

/** What a tamperer may have done with one WebSocket frame. */
export type Verdict =
  | 'pass'
  /** Send it two times. */
  | 'twice'
  /** Keep it back until the next frame of this direction has passed. */
  | 'after-next'
  /** Reset the connection instead of passing it on. */
  | 'cut'
  /** Pass it on and reset the connection behind it. */
  | 'pass-and-cut'

export type Tamperer = (frame: WireFrame, direction: Direction) => Verdict

/** `closed` refuses to serve: who connects is reset at once, as by a machine with nothing behind the port. */
type State = 'open' | 'closed' | 'stalled' | 'swallowing'

/**
 * A TCP proxy that breaks what goes through it: cuts (RST or FIN), stalls (sockets stay open, nothing is read:
 * half-open), swallows (everything is read, nothing passed on). It knows WebSocket frames, so that a fault can
 * be tied to a word on the wire.
 */
export class TcpProxy {
  /** Looks at each WebSocket frame before it is passed on. */
  tamper: Tamperer | undefined
  /** Connections that were broken so far. */
  broken = 0
  /** How long everything takes on its way, each way, in ms. */
  delayMs = 0

  readonly #server: Server
  readonly #target: () => number
  readonly #pairs = new Set<Pair>()
  readonly #raw: boolean
  #state: State = 'open'

  private constructor(target: () => number, raw: boolean) {
    this.#target = target
    this.#raw = raw
    this.#server = createServer((client) => this.#accept(client))
  }

  /**
   * Listens on a free loopback port; the target's port is asked for at each connection. `raw`: what goes through is
   * no HTTP, and not looked at.
   */
  static async start(target: () => number, { raw = false } = {}): Promise<TcpProxy> {
    const proxy = new TcpProxy(target, raw)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    // A TCP server that listens has such an address.
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get connections(): number {
    return this.#pairs.size
  }

  /** Ends every connection; those who dial again are served. */
  cut(how: 'rst' | 'fin' = 'rst'): void {
    for (const pair of [...this.#pairs]) this.#break(pair, how)
  }

  /** Ends every connection and serves none until `resume`. */
  close(how: 'rst' | 'fin' = 'rst'): void {
    this.#state = 'closed'
    this.cut(how)
  }

  /** Passes nothing on and reads nothing; every socket stays open. */
  stall(): void {
    this.#state = 'stalled'
    for (const pair of this.#pairs) pair.pause()
  }

  /** Reads and forgets. A connection that lost bytes in this way never works again, as in the world outside. */
  swallow(): void {
    this.#state = 'swallowing'
    for (const pair of this.#pairs) pair.deaf = true
  }

  resume(): void {
    this.#state = 'open'
    for (const pair of this.#pairs) pair.resume()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.tamper = undefined
    this.close()
    const closed = once(this.#server, 'close')
    this.#server.close()
    await closed
  }

  #accept(client: Socket): void {
    if (this.#state === 'closed') {
      client.on('error', () => {})
      client.resetAndDestroy()
      return
    }
    const server = new Socket().connect(this.#target(), '127.0.0.1')
    const tamper: Tamperer = (frame, direction) => this.tamper?.(frame, direction) ?? 'pass'
    const pair = new Pair(client, server, this.#raw ? undefined : tamper)
    pair.delayMs = () => this.delayMs
    pair.onCut = () => this.#break(pair, 'rst')
    pair.onClosed = () => this.#pairs.delete(pair)
    pair.deaf = this.#state === 'swallowing'
    if (this.#state === 'stalled') pair.pause()
    this.#pairs.add(pair)
  }

  #break(pair: Pair, how: 'rst' | 'fin'): void {
    this.broken += 1
    this.#pairs.delete(pair)
    pair.end(how)
  }
}

/** One connection through the proxy. */
class Pair {
  deaf = false
  delayMs: () => number = () => 0
  onCut: () => void = () => {}
  onClosed: () => void = () => {}
  readonly #client: Socket
  readonly #server: Socket
  #paused = false
  #ended = false

  constructor(client: Socket, server: Socket, tamper: Tamperer | undefined) {
    this.#client = client
    this.#server = server
    client.setNoDelay(true)
    server.setNoDelay(true)
    this.#pump(client, server, 'up', tamper)
    this.#pump(server, client, 'down', tamper)
  }

  pause(): void {
    this.#paused = true
    this.#client.pause()
    this.#server.pause()
  }

  resume(): void {
    this.#paused = false
    this.#client.resume()
    this.#server.resume()
  }

  end(how: 'rst' | 'fin'): void {
    if (this.#ended) return
    this.#ended = true
    for (const socket of [this.#client, this.#server]) {
      if (how === 'rst') socket.resetAndDestroy()
      else socket.destroySoon()
    }
    this.onClosed()
  }

  #pump(from: Socket, to: Socket, direction: Direction, tamper: Tamperer | undefined): void {
    const reader = new FrameReader(direction === 'up')
    let held: Buffer | undefined
    const pass = (bytes: Buffer) => {
      if (!to.write(bytes)) from.pause()
    }
    from.on('data', (data) => {
      const delayMs = this.delayMs()
      // Timers of one length go off in their order.
      if (delayMs > 0) setTimeout(forward, delayMs, data)
      else forward(data)
    })
    const forward = (data: Buffer) => {
      if (this.deaf || this.#ended) return
      if (!tamper) return pass(data)
      const parts = reader.push(data)
      // What is not part of a frame is passed on as it came.
      if (parts.raw.length > 0) pass(parts.raw)
      for (const frame of parts.frames) {
        if (this.#ended) return
        const verdict = tamper(frame, direction)
        if (verdict === 'cut') return this.onCut()
        if (verdict === 'after-next' && !held) {
          held = frame.bytes
          continue
        }
        pass(frame.bytes)
        if (verdict === 'twice') pass(frame.bytes)
        if (held) pass(held)
        held = undefined
        // The last bytes leave before the reset does.
        if (verdict === 'pass-and-cut') return void setImmediate(() => this.onCut())
      }
    }
    to.on('drain', () => {
      if (!this.#paused) from.resume()
    })
    from.on('error', () => this.end('rst'))
    from.on('close', () => {
      // A half-open connection tells nobody of its end.
      if (!this.deaf && !this.#paused) this.end('fin')
    })
  }
}
