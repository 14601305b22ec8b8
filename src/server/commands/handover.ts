/** Senders that may have a page in hand at a time: what a reader that stalls keeps in memory is so many pages. */
const PAGES = 4

type Waiter = () => void

/**
 * Where many senders give items to one reader, one at a time. A sender waits until its item was taken, and asks for a
 * turn before it reads more to send: a slow reader makes the senders wait, and nothing is queued for it.
 */
export class Handover<T> {
  readonly #items: { item: T; onTaken: () => void }[] = []
  readonly #waitingTurns: Waiter[] = []
  #turns = PAGES
  #wake: Waiter | undefined
  #end: { error: unknown } | undefined

  /** Resolves when the reader has taken it, or the end has come. */
  send(item: T): Promise<void> {
    if (this.#end) return Promise.resolve()
    return new Promise((onTaken) => {
      this.#items.push({ item, onTaken })
      this.#wake?.()
    })
  }

  /** Resolves with what ends the turn, once there is one. */
  async turn(): Promise<() => void> {
    if (this.#turns > 0) this.#turns -= 1
    else await new Promise<void>((go) => this.#waitingTurns.push(go))
    let over = false
    return () => {
      if (over) return
      over = true
      const next = this.#waitingTurns.shift()
      if (next) next()
      else this.#turns += 1
    }
  }

  /** Ends the reading in `error`, at once: what waits is dropped. The first end holds. */
  end(error: unknown): void {
    this.#end ??= { error }
    for (const { onTaken } of this.#items.splice(0)) onTaken()
    this.#wake?.()
  }

  /** The items, until the end, which throws its error. */
  async *items(): AsyncGenerator<T, void> {
    while (true) {
      if (this.#end) throw this.#end.error
      const next = this.#items.shift()
      if (!next) {
        await new Promise<void>((wake) => {
          this.#wake = wake
        })
        continue
      }
      try {
        yield next.item
      } finally {
        next.onTaken()
      }
    }
  }
}
