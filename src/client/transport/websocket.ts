import type { IncomingMessage } from 'node:http'
import WebSocket from 'ws'
import { limits } from '../../shared/commands/limits.js'
import type { OgentError } from '../../shared/errors.js'
import { framePieces, joinPieces } from '../../shared/wire/frame-codec.js'
import { frameHeader } from '../../shared/wire/websocket-frame.js'
import { type Reach, trustOptions } from './reach.js'
import { tunnelTo } from './tunnel.js'

/** What the session needs of a WebSocket, met by the browser's and by `ws` alike. */
export type Socket = {
  binaryType: string
  readonly readyState: number
  send(data: string | Uint8Array): void
  /** One binary message in pieces, none of them copied; absent where the socket cannot do that. */
  sendPieces?(pieces: Uint8Array[], length: number): void
  close(code?: number, reason?: string): void
  /** The error of a socket that did not open for this reason, where a proxy is on the way; else absent. */
  explain?(why: string): OgentError
  onopen: ((event: never) => void) | null
  onmessage: ((event: { data: unknown }) => void) | null
  onerror: ((event: { message?: string }) => void) | null
  onclose: ((event: { code: number; reason: string }) => void) | null
}

/**
 * Opens a socket on Node.js, by way of the proxy that the program or the environment names for it. Bundlers for the browser take
 * `websocket-browser` instead (package.json). The socket's first event comes after the turn in which this resolves.
 */
export async function openSocket(url: string, reach: Reach = {}): Promise<Socket> {
  const tunnel = await tunnelTo(new URL(url), reach)
  const socket = new WebSocket(url, {
    maxPayload: 4 * limits.message,
    // Neither side compresses output: a deflate window costs more memory per link than all else together.
    perMessageDeflate: false,
    // Masking guards caches against what scripts in browsers may send (RFC 6455, 10.3); this is no browser,
    // and a zero mask spares two passes over every byte of output.
    generateMask: (mask: Buffer) => mask.fill(0),
    // A socket that was dropped without a word must not hold up its close for the default 30 s.
    closeTimeout: 1000,
    ...trustOptions(reach),
    ...tunnel?.options,
  } as WebSocket.ClientOptions)
  if (tunnel) socket.once('close', tunnel.close)
  let connection: IncomingMessage['socket'] | undefined
  socket.once('upgrade', (response) => {
    connection = response.socket
  })
  const sendPieces = (pieces: Uint8Array[], length: number) => {
    if (!connection?.writable || socket.readyState !== WebSocket.OPEN) return
    connection.cork()
    connection.write(frameHeader(length, 'binary', true))
    for (const piece of pieces) connection.write(piece)
    connection.uncork()
  }
  // `ws` types its events more narrowly than the two fields that are read here.
  return Object.assign(socket, {
    sendPieces,
    ...(tunnel && { explain: tunnel.explain }),
  }) as unknown as Socket
}

/** Ends a socket without waiting for the other side. */
export function dropSocket(socket: Socket): void {
  if (socket instanceof WebSocket) socket.terminate()
  else socket.close()
}

/** A binary frame of at most so many bytes is joined before it is sent. */
const JOINED_BYTES = 16 * 1024

/** What is sent as one frame: text, or pieces where it holds bytes. */
export function frameOf(value: unknown): string | Uint8Array[] {
  return framePieces(value)
}

/** Sends a frame of pieces. */
export function sendFrame(socket: Socket, pieces: Uint8Array[], length: number): void {
  // Small pieces cost more by themselves than their copy does.
  if (socket.sendPieces && length > JOINED_BYTES) socket.sendPieces(pieces, length)
  else socket.send(joinPieces(pieces))
}
