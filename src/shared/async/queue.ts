export type FoldingQueueOptions<T> = {
  /** An item replaces the newest one with its key, where that is not read yet. */
  keyOf: (item: T) => string
  /** Items that may wait at a time. */
  max: number
  /** While fewer items than this wait, all are kept and none is replaced; 0. */
  foldFrom?: number
  /** Called once, when the reader leaves or has read the end. */
  onLeave?: () => void
}

type Reader<T> = {
  resolve: (result: IteratorResult<T, undefined>) => void
  reject: (error: unknown) => void
}

const DONE: IteratorReturnResult<undefined> = { value: undefined, done: true }

/**
 * Carries items from a sender that does not wait to one reader that may be slow, where the newest item of each key is
 * all that a late reader needs: an item replaces the unread one of its key and goes to the end of the queue. At most
 * `max` items wait; `push` refuses a further one, and its sender decides what follows.
 */
export class FoldingQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: FoldingQueueOptions<T>
  /** By the number of their push, in the order in which they are read. */
  readonly #waiting = new Map<number, { key: string; item: T }>()
  /** Of each key that waits, the number of its newest item. */
  readonly #newest = new Map<string, number>()
  #pushed = 0
  /** Calls of `next` that wait for an item. */
  readonly #readers: Reader<T>[] = []
  #end: { error: unknown } | undefined
  #left = false

  constructor(options: FoldingQueueOptions<T>) {
    this.#options = options
  }

  /** False where the item was not added, since `max` others wait. After the end, items are dropped. */
  push(item: T): boolean {
    if (this.#end || this.#left) return true
    const reader = this.#readers.shift()
    if (reader) {
      reader.resolve({ value: item, done: false })
      return true
    }
    const { keyOf, max, foldFrom = 0 } = this.#options
    const key = keyOf(item)
    const newest = this.#newest.get(key)
    if (newest !== undefined && this.#waiting.size >= foldFrom) this.#waiting.delete(newest)
    else if (this.#waiting.size >= max) return false
    this.#pushed += 1
    this.#waiting.set(this.#pushed, { key, item })
    this.#newest.set(key, this.#pushed)
    return true
  }

  /** Drops what waits, as where a later item makes all before it needless. */
  clear(): void {
    this.#waiting.clear()
    this.#newest.clear()
  }

  /** Ends the queue after the items that wait: in `error`, where one is given. The first end holds. */
  end(error?: unknown): void {
    if (this.#end || this.#left) return
    this.#end = { error }
    const [first, ...others] = this.#readers.splice(0)
    // Readers wait only while no items do, so what comes next is the end.
    if (first) void this.next().then(first.resolve, first.reject)
    for (const reader of others) reader.resolve(DONE)
  }

  /** The next item, once there is one. Rejects once with the error of the end, where it has one. */
  async next(): Promise<IteratorResult<T, undefined>> {
    for (const [number, { key, item }] of this.#waiting) {
      this.#waiting.delete(number)
      if (this.#newest.get(key) === number) this.#newest.delete(key)
      return { value: item, done: false }
    }
    if (this.#left) return DONE
    if (!this.#end) return new Promise((resolve, reject) => this.#readers.push({ resolve, reject }))
    const { error } = this.#end
    this.#leave()
    if (error !== undefined) throw error
    return DONE
  }

  /** The reader leaves, as at a `break`: what waits is dropped, and a `next` that waits is done. */
  async return(): Promise<IteratorResult<T, undefined>> {
    this.#leave()
    return DONE
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  #leave(): void {
    if (this.#left) return
    this.#left = true
    this.clear()
    for (const reader of this.#readers.splice(0)) reader.resolve(DONE)
    this.#options.onLeave?.()
  }
}
