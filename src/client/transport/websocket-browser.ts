import type { Socket } from './websocket.js'

/** Opens a socket in a browser, which knows its proxies by itself. */
export async function openSocket(url: string): Promise<Socket> {
  // The DOM's types are not part of this project; the browser's WebSocket has all that `Socket` names.
  const { WebSocket } = globalThis as unknown as { WebSocket: new (url: string) => Socket }
  return new WebSocket(url)
}

export function dropSocket(socket: Socket): void {
  socket.close()
}

/** What a page sends is text: agents alone send bytes. */
export function frameOf(value: unknown): string | Uint8Array[] {
  return JSON.stringify(value)
}

export function sendFrame(): void {}
