import { readFileSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** Strangers that are served at a time: of one address, and in all. More of them wait, unread. */
const SERVED_OF_ADDRESS = 50
const SERVED_IN_ALL = 1000
/**
 * Of an address from which a user has logged in within this time, in ms, more: a fleet that comes back from behind it
 * must not wait with its tokens behind those that still have to get one.
 */
const SERVED_OF_FAMILIAR = 4000
const FAMILIAR_MS = 60 * 60 * 1000
const REMEMBERED = 10_000
/** How long a connection waits to be served, and a stranger has to send a whole request, in ms. */
const WAIT_MS = 30_000
const REQUEST_MS = 10_000
/** Open files that the controller needs for other things than connections. */
const OTHER_FILES = 256
/** Of all connections, the part that may wait, and the part that may wait of one address. */
const WAITING_PART = 1 / 2
const WAITING_OF_ADDRESS_PART = 1 / 4
/** Connections over the limit that are told so at a time, out of those other files; further ones are only closed. */
const TOLD_AT_A_TIME = 32
const TELL_MS = 1000

type Entry = {
  socket: Socket
  address: string
  state: 'waiting' | 'served' | 'known'
  /** Requests that are not answered yet. */
  requests: number
  timer: NodeJS.Timeout | undefined
  serve: () => void
}

type Address = { served: Set<Entry>; waiting: Set<Entry> }

export type DoorOptions = {
  /** Connections at a time; undefined where the system does not tell how many files a process may open. */
  maxConnections: number | undefined
  /** Whether many clients may be behind this address, so that it has no limit of its own. */
  isShared: (address: string) => boolean
  tls: boolean
  /** The whole answer to a connection that is one too many. */
  full: string
}

/**
 * Admits connections to the server. One that has not logged in is a stranger's: only so many of those are served at a
 * time, the others wait without being read, so that a fleet that comes back from behind one address is let in as fast
 * as it is logged in. A connection that is known counts no more than as one of all.
 */
export class Door {
  readonly #options: DoorOptions
  readonly #entries = new Map<string, Entry>()
  readonly #addresses = new Map<string, Address>()
  /** Strangers whose connection is kept open between two requests. */
  readonly #idle = new Set<Entry>()
  /** Addresses from which a user has logged in, and until when that counts; in the order of use. */
  readonly #familiar = new Map<string, number>()
  #served = 0
  #waiting = 0
  #told = 0

  constructor(server: Server, options: DoorOptions) {
    this.#options = options
    const { maxConnections } = options
    if (maxConnections !== undefined) server.maxConnections = maxConnections + TOLD_AT_A_TIME
    // Nothing is read of a connection before it is served.
    Object.assign(server, { pauseOnConnect: true })
    // Of http the one listener that serves a connection, of https the one that begins TLS on it.
    const listeners = server.listeners('connection') as ((socket: Socket) => void)[]
    server.removeAllListeners('connection')
    server.on('connection', (socket: Socket) => {
      this.#arrive(socket, () => {
        for (const listener of listeners) listener.call(server, socket)
        // TLS begins to read by itself.
        if (!options.tls) socket.resume()
      })
    })
    server.on('request', (request: IncomingMessage, response: ServerResponse) =>
      this.#requested(request, response),
    )
  }

  /** Says that the caller on this connection has proven who it is. */
  know(socket: Socket): void {
    const entry = this.#entries.get(keyOf(socket))
    if (entry?.state !== 'served') return
    clearTimeout(entry.timer)
    this.#leaveServed(entry)
    entry.state = 'known'
    this.#familiar.delete(entry.address)
    this.#familiar.set(entry.address, performance.now() + FAMILIAR_MS)
    const [oldest] = this.#familiar.keys()
    if (this.#familiar.size > REMEMBERED && oldest !== undefined) this.#familiar.delete(oldest)
    while (this.#serveNext(entry.address)) {
      // All that have a place now.
    }
  }

  /** Ends the connections that wait. */
  close(): void {
    for (const entry of [...this.#entries.values()]) {
      if (entry.state === 'waiting') entry.socket.destroy()
    }
  }

  #arrive(socket: Socket, serve: () => void): void {
    socket.on('error', () => {})
    if (socket.remoteAddress === undefined) return void socket.destroy()
    const address = networkOf(socket.remoteAddress)
    if (this.#isFull(address)) return this.#tellFull(socket)
    const entry: Entry = { socket, address, state: 'waiting', requests: 0, timer: undefined, serve }
    const key = keyOf(socket)
    this.#entries.set(key, entry)
    socket.once('close', () => {
      this.#entries.delete(key)
      this.#gone(entry)
    })
    if (this.#mayServe(address) || this.#endIdle(address)) return this.#serve(entry)
    entry.timer = setTimeout(() => socket.destroy(), WAIT_MS)
    this.#waiting += 1
    this.#at(address).waiting.add(entry)
  }

  #isFull(address: string): boolean {
    const { maxConnections, isShared } = this.#options
    if (maxConnections === undefined) return false
    if (this.#entries.size >= maxConnections) return true
    if (this.#waiting >= maxConnections * WAITING_PART) return true
    const waiting = this.#addresses.get(address)?.waiting.size ?? 0
    return waiting >= maxConnections * WAITING_OF_ADDRESS_PART && !isShared(address)
  }

  #mayServe(address: string): boolean {
    const served = this.#addresses.get(address)?.served.size ?? 0
    if ((this.#familiar.get(address) ?? 0) > performance.now()) return served < SERVED_OF_FAMILIAR
    if (this.#served >= SERVED_IN_ALL) return false
    return served < SERVED_OF_ADDRESS || this.#options.isShared(address)
  }

  #serve(entry: Entry): void {
    const { address, socket } = entry
    entry.state = 'served'
    entry.timer = undefined
    this.#served += 1
    this.#at(address).served.add(entry)
    entry.serve()
    if (socket.destroyed) this.#gone(entry)
  }

  #requested(request: IncomingMessage, response: ServerResponse): void {
    const entry = this.#entries.get(keyOf(request.socket))
    if (entry?.state !== 'served') return
    entry.requests += 1
    this.#idle.delete(entry)
    const late = setTimeout(() => {
      if (!request.complete && entry.state === 'served') request.socket.destroy()
    }, REQUEST_MS)
    request.once('end', () => clearTimeout(late))
    response.once('close', () => {
      clearTimeout(late)
      entry.requests -= 1
      if (entry.requests > 0 || entry.state !== 'served') return
      if (this.#isWaitedFor(entry.address)) this.#end(entry)
      else this.#idle.add(entry)
    })
  }

  #isWaitedFor(address: string): boolean {
    if (this.#served >= SERVED_IN_ALL) return this.#waiting > 0
    return (this.#addresses.get(address)?.waiting.size ?? 0) > 0
  }

  /** Ends a stranger's connection that is kept open between two requests; false where that makes no room. */
  #endIdle(address: string): boolean {
    const served = this.#addresses.get(address)?.served ?? new Set<Entry>()
    // Of this address, where it has too many; else any.
    const candidates = served.size >= SERVED_OF_ADDRESS ? served : this.#idle
    for (const entry of candidates) {
      if (!this.#idle.has(entry)) continue
      this.#end(entry)
      return this.#mayServe(address)
    }
    return false
  }

  #end(entry: Entry): void {
    this.#leaveServed(entry)
    entry.state = 'known'
    entry.socket.destroySoon()
    this.#serveNext(entry.address)
  }

  #gone(entry: Entry): void {
    clearTimeout(entry.timer)
    if (entry.state === 'waiting') {
      this.#waiting -= 1
      this.#at(entry.address).waiting.delete(entry)
    }
    if (entry.state === 'served') this.#leaveServed(entry)
    entry.state = 'known'
    this.#forget(entry.address)
    this.#serveNext(entry.address)
  }

  #leaveServed(entry: Entry): void {
    this.#idle.delete(entry)
    this.#served -= 1
    this.#at(entry.address).served.delete(entry)
    this.#forget(entry.address)
  }

  /** One of the address that has a place again; where there is none, addresses take turns. False: no one may. */
  #serveNext(address: string): boolean {
    if (this.#waiting === 0) return false
    for (const candidate of [address, ...this.#addresses.keys()]) {
      const [entry] = this.#addresses.get(candidate)?.waiting ?? []
      if (!entry || !this.#mayServe(candidate)) continue
      clearTimeout(entry.timer)
      this.#waiting -= 1
      const at = this.#at(candidate)
      at.waiting.delete(entry)
      // To the end of the order.
      this.#addresses.delete(candidate)
      this.#addresses.set(candidate, at)
      this.#serve(entry)
      return true
    }
    return false
  }

  #tellFull(socket: Socket): void {
    if (this.#options.tls || this.#told >= TOLD_AT_A_TIME) return void socket.destroy()
    this.#told += 1
    const timer = setTimeout(() => socket.destroy(), TELL_MS)
    socket.once('close', () => {
      clearTimeout(timer)
      this.#told -= 1
    })
    socket.resume()
    socket.end(this.#options.full)
  }

  #at(address: string): Address {
    const known = this.#addresses.get(address)
    if (known) return known
    const made = { served: new Set<Entry>(), waiting: new Set<Entry>() }
    this.#addresses.set(address, made)
    return made
  }

  #forget(address: string): void {
    const at = this.#addresses.get(address)
    if (at && at.served.size === 0 && at.waiting.size === 0) this.#addresses.delete(address)
  }
}

/** Connections that this process may have: as many files as it may open, but for those that it needs otherwise. */
export function connectionsAtMost(limits = readLimits()): number | undefined {
  const soft = limits?.match(/^Max open files\s+(\d+|unlimited)/m)?.[1]
  if (soft === undefined || soft === 'unlimited') return undefined
  const files = Number(soft)
  return Math.max(files - OTHER_FILES, Math.floor(files / 2))
}

function readLimits(): string | undefined {
  try {
    return readFileSync('/proc/self/limits', 'utf8')
  } catch {
    return undefined
  }
}

/** TLS has a socket of its own upon the connection's: what both know is the peer's address. */
function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}

/** An IPv6 client has 2^64 addresses: its network counts. */
function networkOf(address: string): string {
  if (!address.includes(':') || address.includes('.')) return address.replace(/^::ffff:/, '')
  const [head = '', tail] = address.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: tail === undefined ? 0 : 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].slice(0, 4).join(':')
}
