import type { JournalStore } from './port.js'

/** One look of a subscriber at its command: `wait` resolves when something was added since, or will be. */
export type Look = { wait(signal: AbortSignal): Promise<void>; release(): void }

/** Those who follow commands at this controller, and wait for more. */
export class Subscribers {
  /** By command: how to wake each of its subscribers, and the number that it reads from. */
  readonly #waiting = new Map<string, Map<() => void, number>>()

  wake(command_id: string): void {
    const wakers = this.#waiting.get(command_id)
    if (!wakers) return
    for (const wake of [...wakers.keys()]) wake()
  }

  wakeAll(): void {
    for (const command_id of [...this.#waiting.keys()]) this.wake(command_id)
  }

  /** Taken before a subscriber looks at what there is: what is added from here on wakes its wait. */
  join(command_id: string, from_seq: number): Look {
    let changed = false
    let settle: (() => void) | undefined
    const wake = () => {
      changed = true
      settle?.()
    }
    const wakers = this.#waiting.get(command_id) ?? new Map<() => void, number>()
    this.#waiting.set(command_id, wakers)
    wakers.set(wake, from_seq)
    return {
      wait: (signal) =>
        new Promise<void>((resolve, reject) => {
          if (changed) return resolve()
          const onAbort = () => reject(signal.reason)
          if (signal.aborted) return onAbort()
          signal.addEventListener('abort', onAbort, { once: true })
          settle = () => {
            signal.removeEventListener('abort', onAbort)
            resolve()
          }
        }),
      release: () => {
        wakers.delete(wake)
        if (wakers.size === 0) this.#waiting.delete(command_id)
      },
    }
  }

  /** How many follow now, and how many events the one furthest behind has still to read, to a page. */
  async measure(lastSeqOf: (command_id: string) => Promise<number>): Promise<{ count: number; lag: number }> {
    let count = 0
    let lag = 0
    for (const [command_id, wakers] of [...this.#waiting]) {
      count += wakers.size
      const last_seq = await lastSeqOf(command_id)
      for (const from of wakers.values()) lag = Math.max(lag, last_seq + 1 - from)
    }
    return { count, lag }
  }
}

/** What a subscriber knows of other writers to the same store: nothing, where there are none. */
export class Others {
  readonly #store: Pick<JournalStore, 'watch'>
  readonly #command_id: string
  readonly #wake: () => void
  #more: boolean
  #stop: (() => void) | undefined

  constructor(store: Pick<JournalStore, 'watch'>, command_id: string, wake: () => void) {
    this.#store = store
    this.#command_id = command_id
    this.#wake = wake
    this.#more = store.watch !== undefined
  }

  /** Whether to look into the store, though the tail in memory has nothing more: true once for each word of theirs. */
  mayHaveWritten(): boolean {
    const more = this.#more
    this.#more = false
    return more
  }

  haveWritten(): void {
    this.#more = true
  }

  watch(): void {
    this.#stop ??= this.#store.watch?.(this.#command_id, () => {
      this.#more = true
      this.#wake()
    })
  }

  close(): void {
    this.#stop?.()
  }
}
