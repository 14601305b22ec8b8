import type { IncomingMessage } from 'node:http'
import type { RawData, WebSocket } from 'ws'
import { OgentError } from '../../../shared/errors.js'
import { bearerToken } from '../http/bearer-token.js'
import type { TransportServices } from '../services.js'
import type { Connection, Context } from '../trpc/trpc.js'
import { admitOnSocket } from './answers.js'
import { countSocket } from './count-socket.js'
import { dismiss } from './dismissal.js'
import { SocketGate } from './gate.js'
import type { Pieces } from './pieces.js'
import { StrangerGate } from './stranger-gate.js'
import { type FlushPolicy, SocketWriter } from './writer.js'

export type OnMessage = (data: RawData, isBinary: boolean) => void

/** What is spoken on a socket: it takes each message once its sender may be heard. */
export type Protocol = {
  onMessage: OnMessage
  /** Keeps a quiet connection alive: what is answered, or read, is a sign of life. */
  ping(): void
  /** Asks the client to connect elsewhere. */
  askToReconnect(): void
}

export type SocketTransportOptions = {
  services: TransportServices
  /** Called when a token has proven who is at the other end. */
  onKnown: () => void
}

/**
 * Owns a socket from its accept to its close. What comes in passes the gate for strangers, then the protocol; what goes
 * out passes one writer.
 */
export class SocketTransport {
  /** The same object for all calls of this socket. */
  readonly connection: Connection
  readonly gate: SocketGate
  readonly writer: SocketWriter
  readonly socket: WebSocket
  readonly request: IncomingMessage
  readonly #options: SocketTransportOptions
  readonly #strangers: StrangerGate

  /** `address`: of the peer, as the proxies in between tell it. */
  constructor(socket: WebSocket, request: IncomingMessage, address: string, options: SocketTransportOptions) {
    const gate = new SocketGate(socket, request.socket)
    this.socket = socket
    this.request = request
    this.gate = gate
    this.writer = new SocketWriter(socket, request.socket, gate)
    this.#options = options
    this.#strangers = new StrangerGate(socket, request.socket)
    this.connection = {
      address,
      binary: false,
      gate,
      writable: (signal) => gate.writable(signal),
      admit: (account, bytes) => admitOnSocket(options.services, gate, account, bytes),
      countCall: async (identity) => {
        const counted = await options.services.requests.count(identity, address)
        if (counted?.refusal) throw counted.refusal
      },
    }
  }

  get isOpen(): boolean {
    return this.socket.readyState === this.socket.OPEN
  }

  /** Hands every message to this protocol from here on. */
  serve(onMessage: OnMessage): void {
    this.socket.on('message', (data: RawData, isBinary: boolean) => {
      if (this.#strangers.known) onMessage(data, isBinary)
      else this.#strangers.take(data, isBinary, onMessage)
    })
  }

  /** Who calls on this socket, by this token or that of its headers; asked once a socket. What comes meanwhile waits. */
  identify(token: string | undefined): Promise<Context> {
    const { services, onKnown } = this.#options
    const given = token ?? bearerToken(this.request.headers.authorization)
    const context = identify(services, given, this.connection).then((made) => countSocket(made, this.socket))
    const isKnown = context.then(({ identity }) => !(identity instanceof OgentError))
    this.#strangers.prove(isKnown)
    void isKnown.then((known) => known && onKnown())
    return context
  }

  send(message: string | Pieces, flush?: FlushPolicy): void {
    if (this.isOpen) this.writer.write(message, flush)
  }

  close(code: number, reason: string): void {
    dismiss(this.socket, code, reason)
  }
}

/** Never throws: a context that does would end a subscription for good that a fresh token could carry on. */
async function identify(
  services: TransportServices,
  token: string | undefined,
  connection: Connection,
): Promise<Context> {
  return { services, connection, identity: await services.authenticator.identify(token, connection.address) }
}
