import type { WebSocket } from 'ws'

/** What a socket that is closed from here may take for its goodbye, in ms. */
export const DISMISS_MS = 1000

/** Closes a socket; a peer that does not answer that goes all the same. */
export function dismiss(socket: WebSocket, code: number, reason: string): void {
  socket.close(code, reason)
  const timer = setTimeout(() => socket.terminate(), DISMISS_MS)
  socket.once('close', () => clearTimeout(timer))
}

/** Dismisses a socket after so long, in ms, unless it is closed before. */
export function dismissAfter(socket: WebSocket, ms: number, code: number, reason: string): void {
  const timer = setTimeout(() => dismiss(socket, code, reason), ms)
  socket.once('close', () => clearTimeout(timer))
}
