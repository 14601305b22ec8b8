import type { Socket } from 'node:net'

/** Whose places a stranger's connection has one of, while it is served. */
export type Places = 'strange' | 'familiar'

/** A connection at the door. */
export type Entry = {
  socket: Socket
  address: string
  state: 'waiting' | 'served' | 'known'
  /** Whose places it has one of, while it is served. */
  places: Places
  /** Requests that are not answered yet. */
  requests: number
  /** What it writes to: of TLS the socket upon the connection's. */
  stream: Socket
  /** Since when something it was sent is unread; undefined where nothing is. */
  unreadSince: number | undefined
  /** Bytes that its peer had taken by then. */
  takenThen: number
  timer: NodeJS.Timeout | undefined
  serve: () => void
}

export type Address = { served: Record<Places, Set<Entry>>; waiting: Set<Entry> }

/** The connections of strangers by their address, in the order in which addresses get their turn. */
export class DoorAddresses {
  readonly #addresses = new Map<string, Address>()

  get(address: string): Address | undefined {
    return this.#addresses.get(address)
  }

  get all(): Address[] {
    return [...this.#addresses.values()]
  }

  /** In the order of their turns. */
  get names(): Iterable<string> {
    return this.#addresses.keys()
  }

  /** The address, which is added where it is new. */
  at(address: string): Address {
    const known = this.#addresses.get(address)
    if (known) return known
    const made = {
      served: { strange: new Set<Entry>(), familiar: new Set<Entry>() },
      waiting: new Set<Entry>(),
    }
    this.#addresses.set(address, made)
    return made
  }

  /** It has had its turn: the others come first. */
  toTheEnd(address: string): void {
    const at = this.at(address)
    this.#addresses.delete(address)
    this.#addresses.set(address, at)
  }

  /** Forgets an address without connections. */
  forget(address: string): void {
    const at = this.#addresses.get(address)
    if (!at || at.waiting.size > 0 || at.served.strange.size > 0 || at.served.familiar.size > 0) return
    this.#addresses.delete(address)
  }
}
