import { OgentError } from '../errors.js'

/** A caller that asks for a place. */
export type Place = {
  /** Callers with one key wait in one row; the rows are served in rotation. */
  key: string
  /** Whether this caller was served before: familiar callers do not wait for the others. */
  familiar: boolean
  /** Ends the wait when the caller is gone. */
  signal?: AbortSignal | undefined
}

type Waiting = { start: () => void; gone: boolean }

/** While both kinds wait, every so many places go to a caller that is not familiar. */
const STRANGERS_EVERY = 3

/** Bounds how many work at a time. The others wait, served fairly by their keys; above `maxWaiting` they are refused. */
export class Semaphore {
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

  /** Callers that wait and are not gone. */
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

  #wait({ key, familiar, signal }: Place): Promise<void> {
    const rows = familiar ? this.#familiar : this.#strangers
    // One key takes at most half of the room, so that the others find some.
    if (rows.size >= this.#maxWaiting || rows.sizeOf(key) >= this.#maxWaiting / 2) {
      throw new OgentError('UNAVAILABLE', 'Too many wait for the same already; try again.')
    }
    return new Promise((resolve, reject) => {
      const leave = () => {
        rows.leave(key, waiting)
        reject(new OgentError('CLOSED', 'The caller has gone.'))
      }
      const start = () => {
        signal?.removeEventListener('abort', leave)
        resolve()
      }
      const waiting: Waiting = { start, gone: false }
      if (signal?.aborted) return reject(new OgentError('CLOSED', 'The caller has gone.'))
      signal?.addEventListener('abort', leave, { once: true })
      rows.add(key, waiting)
    })
  }

  #next(): Waiting | undefined {
    this.#given += 1
    const first = this.#given % STRANGERS_EVERY === 0 ? this.#strangers : this.#familiar
    const second = first === this.#strangers ? this.#familiar : this.#strangers
    return first.next() ?? second.next()
  }
}

/** Rows by key, served in rotation: the map's order is the order in which they are served next. */
class Rows {
  readonly #rows = new Map<string, { waiting: Waiting[]; size: number }>()
  size = 0

  sizeOf(key: string): number {
    return this.#rows.get(key)?.size ?? 0
  }

  add(key: string, waiting: Waiting): void {
    const row = this.#rows.get(key) ?? { waiting: [], size: 0 }
    row.waiting.push(waiting)
    row.size += 1
    this.size += 1
    this.#rows.set(key, row)
  }

  leave(key: string, waiting: Waiting): void {
    const row = this.#rows.get(key)
    if (!row || waiting.gone) return
    waiting.gone = true
    row.size -= 1
    this.size -= 1
    if (row.size === 0) this.#rows.delete(key)
  }

  next(): Waiting | undefined {
    for (const [key, row] of this.#rows) {
      const at = row.waiting.findIndex(({ gone }) => !gone)
      const [waiting] = row.waiting.splice(0, at + 1).slice(-1)
      this.#rows.delete(key)
      if (!waiting) continue
      row.size -= 1
      this.size -= 1
      if (row.size > 0) this.#rows.set(key, row)
      return waiting
    }
    return undefined
  }
}
