import { OgentError } from '../../shared/errors.js'

/** Lets so many work at a time; the others wait for their turn, and one too many is turned away. */
export class Turns {
  readonly #places: number
  readonly #maxWaiting: number
  readonly #waiting: (() => void)[] = []
  #taken = 0

  constructor(places: number, maxWaiting: number) {
    this.#places = places
    this.#maxWaiting = maxWaiting
  }

  /** Throws UNAVAILABLE when too many wait already. */
  async take<T>(work: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#places) {
      if (this.#waiting.length >= this.#maxWaiting) {
        throw new OgentError('UNAVAILABLE', `${this.#maxWaiting} wait for the same already; try again.`)
      }
      // Whoever ends hands over the place: it stays taken in between.
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else {
      this.#taken += 1
    }
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#taken -= 1
    }
  }
}
