import { sleep } from '../../../shared/async/sleep.js'
import { resolvesWithin } from '../../../shared/async/timeout.js'
import { messageOf } from '../../../shared/errors.js'
import type { AuditSink, SinkState } from './ports.js'

/** Delivers lines somewhere; rejects where that did not work, and then gets the same lines again. */
export type Deliver = (lines: string[], signal: AbortSignal) => Promise<void>

/** Lines that wait; one more takes the place of the oldest. */
const MOST_WAITING = 10_000
/** Lines of one delivery. */
const BATCH = 500
/** A delivery that takes longer is given up, in ms. */
const DELIVERY_MS = 10_000
const RETRY_MS = 500
const LONGEST_RETRY_MS = 30_000

/** A sink with a bounded queue: a push never waits, and one that hangs or is away costs its own lines alone. */
export class SinkQueue implements AuditSink {
  readonly name: string
  readonly #deliver: Deliver
  readonly #closed = new AbortController()
  #waiting: { line: string; since: number }[] = []
  #lost = 0
  #trouble: string | undefined
  #working: Promise<void> | undefined

  constructor(name: string, deliver: Deliver) {
    this.name = name
    this.#deliver = deliver
  }

  push(line: string): void {
    if (this.#closed.signal.aborted) return
    if (this.#waiting.length >= MOST_WAITING) {
      this.#waiting.shift()
      this.#lost += 1
    }
    this.#waiting.push({ line, since: performance.now() })
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  state(): SinkState {
    const oldest = this.#waiting[0]
    return {
      waiting: this.#waiting.length,
      lost: this.#lost,
      behindMs: oldest === undefined ? 0 : performance.now() - oldest.since,
      trouble: this.#trouble,
    }
  }

  async close(ms: number): Promise<void> {
    if (this.#working) await resolvesWithin(this.#working, ms)
    this.#closed.abort()
  }

  async #work(): Promise<void> {
    const { signal } = this.#closed
    let wait = RETRY_MS
    // What is pushed in the same turn shares a delivery.
    await Promise.resolve()
    while (this.#waiting.length > 0 && !signal.aborted) {
      const batch = this.#waiting.slice(0, BATCH)
      try {
        await orLate(
          this.#deliver,
          batch.map(({ line }) => line),
          signal,
        )
        this.#trouble = undefined
        wait = RETRY_MS
        const delivered = new Set(batch)
        this.#waiting = this.#waiting.filter((one) => !delivered.has(one))
      } catch (error) {
        this.#trouble = messageOf(error)
        // Closed, there is nothing to wait for.
        await sleep(wait, { signal, unref: true }).catch(() => {})
        wait = Math.min(wait * 2, LONGEST_RETRY_MS)
      }
    }
  }
}

/** A delivery that heeds no signal is not waited for either. */
async function orLate(deliver: Deliver, lines: string[], closed: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(DELIVERY_MS)
  const signal = AbortSignal.any([closed, late])
  let onAbort = () => {}
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () =>
      reject(late.aborted ? new Error(`took longer than ${DELIVERY_MS / 1000} s`) : signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    await Promise.race([deliver(lines, signal), aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
