import type { WebSocket } from 'ws'

/** A peer that was quiet for so long is pinged, in ms. */
const PING_AFTER_MS = 5000
/** An agent, or any peer that has nothing left to read, is given up after so much silence, in ms. */
const DEAD_AFTER_MS = 13_000
/** A reader with a backlog that does not move may only be busy, or stopped: it costs a bounded queue so long, in ms. */
const STALLED_AFTER_MS = 10 * 60 * 1000
const CHECK_MS = 1000

type Raw = { bytesWritten: number; writableLength: number }

type Peer = {
  socket: WebSocket
  raw: Raw
  isAgent: () => boolean
  aliveAt: number
  pingedAt: number
  /** Bytes that the kernel had taken at the last look. */
  taken: number
}

/**
 * Tells peers that are dead from those that are quiet, busy or slow. Whatever is heard is a sign of life, and so is
 * a backlog that shrinks: the answer to a ping cannot come before all that was sent ahead of it is read.
 */
export class Heartbeats {
  readonly #peers = new Map<WebSocket, Peer>()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#check(performance.now()), CHECK_MS)
    this.#timer.unref()
  }

  watch(socket: WebSocket, raw: Raw, isAgent: () => boolean): void {
    const now = performance.now()
    const peer: Peer = { socket, raw, isAgent, aliveAt: now, pingedAt: now, taken: taken(raw) }
    this.#peers.set(socket, peer)
    socket.on('message', () => {
      peer.aliveAt = performance.now()
    })
    socket.once('close', () => this.#peers.delete(socket))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #check(now: number): void {
    for (const peer of this.#peers.values()) {
      const { socket, raw } = peer
      const backlog = raw.writableLength > 0
      // Without a backlog the kernel takes whatever it is given, which says nothing of the peer.
      if (backlog && taken(raw) > peer.taken) peer.aliveAt = now
      peer.taken = taken(raw)
      const silence = now - peer.aliveAt
      const limit = backlog && !peer.isAgent() ? STALLED_AFTER_MS : DEAD_AFTER_MS
      if (silence > limit) socket.terminate()
      else if (silence > PING_AFTER_MS && now - peer.pingedAt > PING_AFTER_MS && !backlog)
        this.#ping(peer, now)
    }
  }

  #ping(peer: Peer, now: number): void {
    peer.pingedAt = now
    if (peer.socket.readyState === peer.socket.OPEN) peer.socket.send('PING')
  }
}

function taken(raw: Raw): number {
  return raw.bytesWritten - raw.writableLength
}
