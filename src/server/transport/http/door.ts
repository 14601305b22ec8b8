import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { destroyLater } from './destroy-later.js'
import { DoorAddresses, type Entry, type Places } from './door-addresses.js'
import { FamiliarAddresses } from './familiar-addresses.js'
import { keyOf, networkOf } from './peer-address.js'

/** Strangers that are served at a time: of one address, and in all. More of them wait, unread. */
const SERVED_OF_ADDRESS = 50
const SERVED_IN_ALL = 1000
/**
 * Of an address from which a user has logged in of late, more: a fleet that comes back from behind it
 * must not wait with its tokens behind those that still have to get one. They have places of their own, so that silent
 * connections of such an address cost other addresses none of theirs.
 */
const SERVED_OF_FAMILIAR = 4000
const FAMILIAR_IN_ALL = 8000
/** How long a connection waits to be served, and a stranger has to send a whole request, in ms. */
const WAIT_MS = 30_000
const REQUEST_MS = 10_000
/**
 * How long a stranger may leave an answer unread, in ms, and how often that is looked at. One that takes so many bytes in that
 * time reads on: the program of an agent takes longer than that on a slow line.
 */
const UNREAD_MS = 10_000
const UNREAD_CHECK_MS = 1000
const READS_ON = 64 * 1024
/** Of all connections, the part that may wait, the part that may wait of one address, and those familiar places. */
const WAITING_PART = 1 / 2
const WAITING_OF_ADDRESS_PART = 1 / 4
const FAMILIAR_PART = 3 / 8
/** Connections over the limit that are answered at a time, out of those other files; further ones are only closed. */
const TOLD_AT_A_TIME = 32

const SERVED_OF = { strange: SERVED_OF_ADDRESS, familiar: SERVED_OF_FAMILIAR }

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
  readonly #addresses = new DoorAddresses()
  /** Strangers whose connection is kept open between two requests. */
  readonly #idle = new Set<Entry>()
  readonly #familiar = new FamiliarAddresses()
  readonly #served: Record<Places, number> = { strange: 0, familiar: 0 }
  #waiting = 0
  #told = 0

  readonly #most: number
  readonly #unreadTimer: NodeJS.Timeout

  constructor(server: Server, options: DoorOptions) {
    this.#options = options
    const { maxConnections } = options
    this.#most = maxConnections ?? Number.POSITIVE_INFINITY
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
    server.on('secureConnection', (stream: Socket) => {
      const entry = this.#entries.get(keyOf(stream))
      if (entry) entry.stream = stream
    })
    this.#unreadTimer = setInterval(() => this.#endUnread(performance.now()), UNREAD_CHECK_MS)
    this.#unreadTimer.unref()
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
    this.#familiar.add(entry.address)
    while (this.#serveNext(entry.address)) {
      // All that have a place now.
    }
  }

  /** Ends the connections that wait. */
  close(): void {
    clearInterval(this.#unreadTimer)
    for (const entry of [...this.#entries.values()]) {
      if (entry.state === 'waiting') entry.socket.destroy()
    }
  }

  #arrive(socket: Socket, serve: () => void): void {
    socket.on('error', () => {})
    if (socket.remoteAddress === undefined) return void socket.destroy()
    const address = networkOf(socket.remoteAddress)
    if (this.#entries.size >= this.#most) return this.#tellFull(socket)
    const places = this.#placesFor(address) ?? this.#endIdle(address)
    if (places === undefined && this.#mayNotWait(address)) return this.#tellFull(socket)
    const entry: Entry = {
      socket,
      address,
      state: 'waiting',
      places: 'strange',
      requests: 0,
      stream: socket,
      unreadSince: undefined,
      takenThen: 0,
      timer: undefined,
      serve,
    }
    const key = keyOf(socket)
    this.#entries.set(key, entry)
    socket.once('close', () => {
      this.#entries.delete(key)
      this.#gone(entry)
    })
    if (places !== undefined) return this.#serve(entry, places)
    entry.timer = setTimeout(() => socket.destroy(), WAIT_MS)
    this.#waiting += 1
    this.#addresses.at(address).waiting.add(entry)
  }

  #mayNotWait(address: string): boolean {
    if (this.#waiting >= this.#most * WAITING_PART) return true
    const waiting = this.#addresses.get(address)?.waiting.size ?? 0
    return waiting >= this.#most * WAITING_OF_ADDRESS_PART && !this.#options.isShared(address)
  }

  /** Which places one more connection of this address may have one of; undefined: it has to wait. */
  #placesFor(address: string): Places | undefined {
    if (this.#familiar.has(address) && this.#hasRoom('familiar', address)) return 'familiar'
    return this.#hasRoom('strange', address) ? 'strange' : undefined
  }

  #hasRoom(places: Places, address: string): boolean {
    if (this.#served[places] >= this.#servedInAll(places)) return false
    return this.#servedOf(places, address) < SERVED_OF[places] || this.#options.isShared(address)
  }

  #servedInAll(places: Places): number {
    return places === 'strange' ? SERVED_IN_ALL : Math.min(FAMILIAR_IN_ALL, this.#most * FAMILIAR_PART)
  }

  #servedOf(places: Places, address: string): number {
    return this.#addresses.get(address)?.served[places].size ?? 0
  }

  #serve(entry: Entry, places: Places): void {
    const { address, socket } = entry
    entry.state = 'served'
    entry.places = places
    entry.timer = undefined
    this.#served[places] += 1
    this.#addresses.at(address).served[places].add(entry)
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
      if (this.#isWaitedFor(entry)) this.#end(entry)
      else this.#idle.add(entry)
    })
  }

  /** Ends strangers' connections whose peers do not read what they asked for: they would keep their places for ever. */
  #endUnread(now: number): void {
    for (const { served } of this.#addresses.all) {
      for (const entry of [...served.strange, ...served.familiar]) {
        const { stream, unreadSince, takenThen } = entry
        const taken = stream.bytesWritten - stream.writableLength
        if (stream.writableLength === 0) {
          entry.unreadSince = undefined
        } else if (unreadSince === undefined || taken - takenThen >= READS_ON) {
          entry.unreadSince = now
          entry.takenThen = taken
        } else if (now - unreadSince > UNREAD_MS) stream.destroy()
      }
    }
  }

  #isWaitedFor({ places, address }: Entry): boolean {
    if (this.#served[places] >= this.#servedInAll(places)) return this.#waiting > 0
    return (this.#addresses.get(address)?.waiting.size ?? 0) > 0
  }

  /** Ends a stranger's connection that is kept open between two requests; undefined where that makes no room. */
  #endIdle(address: string): Places | undefined {
    const served = this.#addresses.get(address)?.served
    // Of this address, where it has too many; else any.
    const own = served && served.strange.size >= SERVED_OF.strange
    const candidates = own ? [...served.familiar, ...served.strange] : this.#idle
    for (const entry of candidates) {
      if (!this.#idle.has(entry)) continue
      if (!own && entry.places !== 'strange') continue
      this.#end(entry)
      return this.#placesFor(address)
    }
    return undefined
  }

  #end(entry: Entry): void {
    this.#leaveServed(entry)
    entry.state = 'known'
    entry.stream.destroySoon()
    destroyLater(entry.stream)
    this.#serveNext(entry.address)
  }

  #gone(entry: Entry): void {
    clearTimeout(entry.timer)
    if (entry.state === 'waiting') {
      this.#waiting -= 1
      this.#addresses.at(entry.address).waiting.delete(entry)
    }
    if (entry.state === 'served') this.#leaveServed(entry)
    entry.state = 'known'
    this.#addresses.forget(entry.address)
    this.#serveNext(entry.address)
  }

  #leaveServed(entry: Entry): void {
    this.#idle.delete(entry)
    this.#served[entry.places] -= 1
    this.#addresses.at(entry.address).served[entry.places].delete(entry)
    this.#addresses.forget(entry.address)
  }

  /** One of the address that has a place again; where there is none, addresses take turns. False: no one may. */
  #serveNext(address: string): boolean {
    if (this.#waiting === 0) return false
    for (const candidate of [address, ...this.#addresses.names]) {
      const [entry] = this.#addresses.get(candidate)?.waiting ?? []
      const places = entry && this.#placesFor(candidate)
      if (!entry || places === undefined) continue
      clearTimeout(entry.timer)
      this.#waiting -= 1
      this.#addresses.at(candidate).waiting.delete(entry)
      this.#addresses.toTheEnd(candidate)
      this.#serve(entry, places)
      return true
    }
    return false
  }

  #tellFull(socket: Socket): void {
    if (this.#options.tls || this.#told >= TOLD_AT_A_TIME) return void socket.destroy()
    this.#told += 1
    socket.once('close', () => {
      this.#told -= 1
    })
    socket.resume()
    socket.end(this.#options.full)
    destroyLater(socket)
  }
}
