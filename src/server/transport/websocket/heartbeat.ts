import type { WebSocket } from 'ws'

/** A peer that was quiet for so long is pinged, in ms. */
const PING_AFTER_MS = 5000
/** An agent, or any peer that has nothing left to read, is given up after so much silence, in ms. */
const DEAD_AFTER_MS = 13_000
/** A subscriber with a backlog that does not move may only be busy, or stopped: it costs a bounded queue so long, in ms. */
const STALLED_AFTER_MS = 10 * 60 * 1000
const CHECK_MS = 1000

/**
 * Bytes of one account, and of all, that its sockets have not read, and of messages that have not come to their end.
 * Above that, those sockets are closed that hold the most: their subscribers come back and go on where they were.
 */
const ACCOUNT_BYTES = 128 * 1024 * 1024
const ALL_BYTES = 512 * 1024 * 1024

type Raw = { bytesRead: number; bytesWritten: number; writableLength: number }

/** What is known of who is at the other end, by now. */
type Facts = { readonly agentId?: string | undefined; readonly account?: string | undefined }

/** A socket to watch. `facts` is looked at again each time. */
export type WatchedSocket = {
  socket: WebSocket
  raw: Raw
  facts: Facts
  ping: () => void
}

type Peer = WatchedSocket & {
  aliveAt: number
  pingedAt: number
  /** Bytes that the kernel had taken at the last look. */
  taken: number
  /** Bytes that had come in when the last message was whole. */
  readAt: number
}

/**
 * Tells peers that are dead from those that are quiet, busy or slow. Anything received is a sign of life, and so is
 * a backlog that shrinks: the answer to a ping cannot come before all that was sent ahead of it is read.
 */
export class Heartbeats {
  readonly #peers = new Map<WebSocket, Peer>()
  readonly #timer: NodeJS.Timeout

  constructor() {
    this.#timer = setInterval(() => this.#check(performance.now()), CHECK_MS)
    this.#timer.unref()
  }

  watch(watched: WatchedSocket): void {
    const { socket, raw } = watched
    const now = performance.now()
    const peer: Peer = {
      ...watched,
      aliveAt: now,
      pingedAt: now,
      taken: taken(raw),
      readAt: raw.bytesRead,
    }
    this.#peers.set(socket, peer)
    const onAlive = () => {
      peer.aliveAt = performance.now()
      peer.readAt = raw.bytesRead
    }
    socket.on('message', onAlive)
    socket.on('pong', onAlive)
    socket.once('close', () => this.#peers.delete(socket))
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #check(now: number): void {
    this.#shed()
    for (const peer of this.#peers.values()) {
      const { socket, raw } = peer
      const backlog = raw.writableLength > 0
      // Without a backlog the kernel takes anything it is given, which says nothing of the peer.
      if (backlog && taken(raw) > peer.taken) peer.aliveAt = now
      peer.taken = taken(raw)
      const silence = now - peer.aliveAt
      const limit = backlog && peer.facts.agentId === undefined ? STALLED_AFTER_MS : DEAD_AFTER_MS
      if (socket.isPaused && !backlog) peer.aliveAt = now
      else if (silence > limit) socket.terminate()
      else if (silence > PING_AFTER_MS && now - peer.pingedAt > PING_AFTER_MS && !backlog) {
        peer.pingedAt = now
        peer.ping()
      }
    }
  }

  /** Closes sockets of accounts that hold too much. */
  #shed(): void {
    const holders = [...this.#peers.values()].filter((peer) => heldBy(peer) > WORTH_COUNTING)
    const accounts = new Map<string | undefined, Peer[]>()
    for (const peer of holders) {
      const { account } = peer.facts
      const known = accounts.get(account)
      if (known) known.push(peer)
      else accounts.set(account, [peer])
    }
    const closed = [...accounts.values()].flatMap((peers) => closeLargest(peers, ACCOUNT_BYTES))
    closeLargest(
      holders.filter((peer) => !closed.includes(peer)),
      ALL_BYTES,
    )
  }
}

/** Sockets with less than this are left out of the sums: all sockets that may be open have a little. */
const WORTH_COUNTING = 16 * 1024

function heldBy({ raw, readAt }: Peer): number {
  return raw.writableLength + (raw.bytesRead - readAt)
}

/** Closes those that hold the most until the others hold no more than `bytes`; gives those that were closed. */
function closeLargest(peers: Peer[], bytes: number): Peer[] {
  let total = peers.reduce((sum, peer) => sum + heldBy(peer), 0)
  if (total <= bytes) return []
  const closed: Peer[] = []
  for (const peer of peers.sort((a, b) => heldBy(b) - heldBy(a))) {
    if (total <= bytes) break
    total -= heldBy(peer)
    closed.push(peer)
    peer.socket.terminate()
  }
  return closed
}

function taken(raw: Raw): number {
  return raw.bytesWritten - raw.writableLength
}
