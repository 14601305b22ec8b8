import type { OgentError } from '../../shared/errors.js'
import { Aborted } from '../errors.js'
import type { EventStream, SequencedEvent } from './resumable-stream.js'

/** Where the events of a loop come from. */
export type EventSource = {
  /** The stream that is open anyway, for the first loop that asks. */
  claim(): EventStream | undefined
  /** Resolves when the command is there, or will never be: with the reason, where that is an error. */
  started: Promise<OgentError | undefined>
  /** A stream for this loop alone, from the first event on; one that fails where the start has. */
  open(failure: OgentError | undefined): EventStream
}

/** One loop over the events of a command. It can be left from elsewhere, and its signals cut it short. */
export class EventLoop {
  readonly #source: EventSource
  readonly #signals: AbortSignal[]
  readonly #releases: (() => void)[] = []
  #stream: EventStream | undefined
  #own = false
  #left = false
  #cutBy: OgentError | undefined
  #onLeave: () => void = () => {}

  constructor(source: EventSource, signals: (AbortSignal | undefined)[]) {
    this.#source = source
    this.#signals = signals.flatMap((signal) => signal ?? [])
  }

  get left(): boolean {
    return this.#left
  }

  /** What a signal cut it short with. */
  get cutBy(): OgentError | undefined {
    return this.#cutBy
  }

  /** The next event; undefined after the last, and once the loop was left. One at a time. Throws what ended the stream. */
  next(): Promise<SequencedEvent | undefined> {
    return this.#stream ? this.#stream.next() : this.#begin()
  }

  /** Frees the source. A `next` that waits gives undefined. */
  leave(): void {
    if (this.#left) return
    this.#left = true
    for (const release of this.#releases.splice(0)) release()
    // The main stream goes on for the outcome; any other was for this loop alone.
    if (this.#own) this.#stream?.discard()
    else this.#stream?.stop()
    this.#stream = undefined
    this.#onLeave()
  }

  async #begin(): Promise<SequencedEvent | undefined> {
    for (const signal of this.#signals) this.#heed(signal)
    if (this.#left) return undefined
    const main = this.#source.claim()
    this.#own = main !== undefined
    if (main) {
      this.#stream = main
      return main.next()
    }
    const left = new Promise<undefined>((resolve) => {
      this.#onLeave = () => resolve(undefined)
    })
    const failure = await Promise.race([this.#source.started, left])
    if (this.#left) return undefined
    this.#stream = this.#source.open(failure)
    return this.#stream.next()
  }

  #heed(signal: AbortSignal): void {
    const onAbort = () => {
      this.#cutBy ??= new Aborted(signal.reason)
      this.leave()
    }
    if (signal.aborted) return onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    this.#releases.push(() => signal.removeEventListener('abort', onAbort))
  }
}
