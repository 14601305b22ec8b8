import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** What was asked of the proxy by CONNECT, and what it answered; no status where it did not. */
export type Asked = { end: string; status?: number; authorization: string | undefined }

type ProxyOptions = {
  /** `user:password`: Basic authorization is asked for. */
  credentials?: string
  /** The certificate and key of a proxy that itself speaks TLS. */
  tls?: { cert: string; key: string }
  /** The port of this machine to which every tunnel leads; else each leads where it was asked to. */
  to?: () => number
}

/** An HTTP proxy on a free port of the loopback interface, which opens tunnels by CONNECT; `await using` ends it. */
export class ConnectProxy implements AsyncDisposable {
  /** Every CONNECT, in order. */
  readonly asked: Asked[] = []
  /** Requests to be forwarded, which need no tunnel. */
  forwards = 0
  /** Answers every CONNECT with this status instead of a tunnel. */
  refusal: number | undefined
  /** Answers no CONNECT at all, and leaves the connection open. */
  silent = false
  /** Called when `asked` or `open` has changed. */
  onChange: () => void = () => {}

  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #options: ProxyOptions

  private constructor(options: ProxyOptions) {
    this.#options = options
    this.#server = options.tls ? createTlsServer(options.tls) : createServer()
    this.#server.on('request', (_request, reply) => {
      this.forwards += 1
      reply.writeHead(501).end()
    })
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex) => this.#connect(request, socket))
    this.#server.on('connection', (socket: Socket) => this.#keep(socket))
  }

  static async start(options: ProxyOptions = {}): Promise<ConnectProxy> {
    const proxy = new ConnectProxy(options)
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get port(): number {
    // A server that listens on a port has such an address.
    return (this.#server.address() as AddressInfo).port
  }

  /** Without credentials. By name where it speaks TLS: its certificate is one for localhost. */
  get url(): string {
    return this.#options.tls ? `https://localhost:${this.port}` : `http://127.0.0.1:${this.port}`
  }

  /** Connections of clients that are open. */
  get open(): number {
    return this.#sockets.size
  }

  /** Resolves once this holds, which is asked whenever something has changed. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.onChange = () => {
        if (holds()) resolve()
      }
      this.onChange()
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close')
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      this.onChange()
    })
    this.onChange()
  }

  #connect(request: IncomingMessage, client: Duplex): void {
    client.on('error', () => {})
    const asked: Asked = { end: request.url ?? '', authorization: request.headers['proxy-authorization'] }
    this.asked.push(asked)
    if (this.silent) {
      // What is not read is not known to have ended.
      client.resume().once('end', () => client.destroy())
      return this.onChange()
    }
    const { credentials, to } = this.#options
    const expected = credentials && `Basic ${Buffer.from(credentials).toString('base64')}`
    const refusal = expected && asked.authorization !== expected ? 407 : this.refusal
    asked.status = refusal ?? 200
    this.onChange()
    if (refusal !== undefined) {
      const challenge = refusal === 407 ? 'Proxy-Authenticate: Basic realm="test"\r\n' : ''
      return void client.end(`HTTP/1.1 ${refusal} Refused\r\n${challenge}Content-Length: 3\r\n\r\nno.`)
    }
    const { hostname, port } = new URL(`http://${asked.end}`)
    const controller = to ? connect(to(), '127.0.0.1') : connect(Number(port || 80), hostname)
    controller.on('error', () => client.destroy())
    controller.once('connect', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n')
      client.pipe(controller).pipe(client)
    })
    client.once('close', () => controller.destroy())
    controller.once('close', () => client.destroy())
  }
}
