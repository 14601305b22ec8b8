export type FoldingQueueOptions<T> = {
  /** Of the items with one key, only the newest waits. */
  keyOf: (item: T) => string
  /** Keys that may wait at a time. */
  maxKeys: number
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
 * `maxKeys` items wait; `push` refuses a further one, and its sender decides what follows.
 */
export class FoldingQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #options: FoldingQueueOptions<T>
  /** By key, in the order in which they are read. */
  readonly #waiting = new Map<string, T>()
  /** Calls of `next` that wait for an item. */
  readonly #readers: Reader<T>[] = []
  #end: { error: unknown } | undefined
  #left = false

  constructor(options: FoldingQueueOptions<T>) {
    this.#options = options
  }

  /** False where the item was not added, since `maxKeys` others wait. After the end, items are dropped. */
  push(item: T): boolean {
    if (this.#end || this.#left) return true
    const reader = this.#readers.shift()
    if (reader) {
      reader.resolve({ value: item, done: false })
      return true
    }
    const key = this.#options.keyOf(item)
    if (!this.#waiting.delete(key) && this.#waiting.size >= this.#options.maxKeys) return false
    this.#waiting.set(key, item)
    return true
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
    for (const [key, value] of this.#waiting) {
      this.#waiting.delete(key)
      return { value, done: false }
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
    this.#waiting.clear()
    for (const reader of this.#readers.splice(0)) reader.resolve(DONE)
    this.#options.onLeave?.()
  }
}
