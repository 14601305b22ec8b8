import type { Socket } from 'node:net'

/** How long a peer has to read why its connection ends, in ms. */
const LAST_WORDS_MS = 1000

/** Destroys a socket that was ended, whether or not its peer reads what is left, or ends its side. */
export function destroyLater(socket: Socket): void {
  if (socket.destroyed) return
  const timer = setTimeout(() => socket.destroy(), LAST_WORDS_MS)
  socket.once('close', () => clearTimeout(timer))
}
