import { OgentError } from '../../shared/errors.js'

/** A login that asks for its turn. */
export type Place = {
  /** Logins from one network wait in one row; the rows are served in rotation. */
  network: string
  /** Whether this user came in from there before: familiar logins do not wait for the others. */
  familiar: boolean
  /** Ends the wait when the caller is gone. */
  signal?: AbortSignal | undefined
}

type Waiting = { start: () => void; gone: boolean }

/** While both kinds wait, every so many turns go to a login that is not familiar. */
const STRANGERS_EVERY = 3

/** Bounds how many logins work at a time. The others wait, served fairly by their networks; above `maxWaiting` they are refused. */
export class LoginQueue {
  readonly #places: number
  readonly #maxWaiting: number
  readonly #familiar = new Rows()
  readonly #strangers = new Rows()
  #taken = 0
  #given = 0

  constructor(places: number, maxWaiting: number) {
    this.#places = places
    this.#maxWaiting = maxWaiting
  }

  /** Logins that wait and whose callers are not gone. */
  get waiting(): number {
    return this.#familiar.size + this.#strangers.size
  }

  /** Throws UNAVAILABLE when too many wait already, CLOSED when the caller is gone. */
  async take<T>(place: Place, work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#places) await this.#wait(place)
    else this.#taken += 1
    try {
      return await work()
    } finally {
      // A waiting caller inherits the place: it stays taken in between.
      const next = this.#next()
      if (next) next.start()
      else this.#taken -= 1
    }
  }

  #wait({ network, familiar, signal }: Place): Promise<void> {
    const rows = familiar ? this.#familiar : this.#strangers
    // One network takes at most half of the room, so that the others find some.
    if (rows.size >= this.#maxWaiting || rows.sizeOf(network) >= this.#maxWaiting / 2) {
      throw new OgentError('UNAVAILABLE', 'Too many logins wait already; try again.')
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        rows.leave(network, waiting)
        reject(new OgentError('CLOSED', 'The caller has gone.'))
      }
      const start = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const waiting: Waiting = { start, gone: false }
      if (signal?.aborted) return reject(new OgentError('CLOSED', 'The caller has gone.'))
      signal?.addEventListener('abort', leave, { once: true })
      rows.add(network, waiting)
    })
  }

  #next(): Waiting | undefined {
    this.#given += 1
    const first = this.#given % STRANGERS_EVERY === 0 ? this.#strangers : this.#familiar
    const second = first === this.#strangers ? this.#familiar : this.#strangers
    return first.next() ?? second.next()
  }
}

/** Rows by network, served in rotation: the map's order is the order in which they are served next. */
class Rows {
  readonly #rows = new Map<string, { waiting: Waiting[]; size: number }>()
  size = 0

  sizeOf(network: string): number {
    return this.#rows.get(network)?.size ?? 0
  }

  add(network: string, waiting: Waiting): void {
    const row = this.#rows.get(network) ?? { waiting: [], size: 0 }
    row.waiting.push(waiting)
    row.size += 1
    this.size += 1
    this.#rows.set(network, row)
  }

  leave(network: string, waiting: Waiting): void {
    const row = this.#rows.get(network)
    if (!row || waiting.gone) return
    waiting.gone = true
    row.size -= 1
    this.size -= 1
    if (row.size === 0) this.#rows.delete(network)
  }

  next(): Waiting | undefined {
    for (const [network, row] of this.#rows) {
      const at = row.waiting.findIndex(({ gone }) => !gone)
      const [waiting] = row.waiting.splice(0, at + 1).slice(-1)
      this.#rows.delete(network)
      if (!waiting) continue
      row.size -= 1
      this.size -= 1
      if (row.size > 0) this.#rows.set(network, row)
      return waiting
    }
    return undefined
  }
}
