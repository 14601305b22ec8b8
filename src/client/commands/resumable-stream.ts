import { Backoff } from '../../shared/async/backoff.js'
import type { RawCommandEvent, StreamName } from '../../shared/commands/event.js'
import { isOutput } from '../../shared/commands/event-text.js'
import { OgentError } from '../../shared/errors.js'
import { toOgentError } from '../errors.js'
import { FIRST_DELAY_MS, LONGEST_DELAY_MS, toldWait } from '../transport/retry.js'

export type SequencedEvent = { seq: number; event: RawCommandEvent }

export type StreamObserver = {
  /** The controller has taken the call. */
  onStarted?(): void
  onEvent(id: string, event: RawCommandEvent): void
  onError(error: unknown): void
  onComplete(): void
}

/** Opens a subscription after the event `lastEventId`, or at the beginning; the returned function stops it. */
export type OpenStream = (lastEventId: string | undefined, observer: StreamObserver) => () => void

/** A stream that ends in this error before anything is sent. */
export function failing(error: OgentError): OpenStream {
  return (_lastEventId, observer) => {
    observer.onError(error)
    return () => {}
  }
}

export type StreamOptions = {
  open: OpenStream
  /** After a refused token: whether a fresh one can be had. */
  renewToken: () => boolean
  /** Hears every event as it arrives, read or not. */
  onArrival?: (item: SequencedEvent) => void
  /** How long the first event may take when the controller cannot be reached, in ms. */
  firstContactMs: number
  /** Whether the command was followed before, so that this too goes on where its caller has made too many requests; false. */
  goesOn?: boolean
}

/** What a reader may be behind before the subscription is stopped, to be taken up where it was. */
const MAX_BEHIND_BYTES = 1024 * 1024
const MAX_BEHIND_EVENTS = 4096

/**
 * One command's events as an async iterator over a subscription that breaks: lost sockets, restarts of the
 * controller, expired tokens and a limit on requests are mended below it, with no repeat and no hole. A reader that falls behind
 * stops the subscription, not the process: it goes on from there when the reader has caught up.
 */
export class EventStream {
  readonly #options: StreamOptions
  readonly #began = performance.now()
  #queue: SequencedEvent[] = []
  #bytes = 0
  #lastId: string | undefined
  #stopSubscription: (() => void) | undefined
  #retry: ReturnType<typeof setTimeout> | undefined
  #wake: (() => void) | undefined
  readonly #backoff = new Backoff({ baseMs: FIRST_DELAY_MS })
  /** Whether the controller has taken the call of the subscription that is open. */
  #started = false
  #refusals = 0
  #discarding = false
  /** Whether the controller has ever answered. */
  #contacted = false
  /** Highest sequence passed on, and the byte at which each stream goes on. */
  #highest = 0
  readonly #expected: Partial<Record<StreamName, number>> = {}
  /** How many events the next step back takes, and whether there was one: see `#stepBack`. */
  #step = 1
  /** Whether the journal is read again for something that was missing: see `#isNew`. */
  #replaying = false
  #hasResult = false
  /** Whether all but the result is passed over: see `#complete`. */
  #seeksResult = false
  #ended: { error: OgentError | undefined } | undefined
  #onEnd: ((error: OgentError | undefined) => void)[] = []

  constructor(options: StreamOptions) {
    this.#options = options
    this.#subscribe()
  }

  /** Whether the subscription rests because its reader is behind. */
  get resting(): boolean {
    return !this.#ended && this.#stopSubscription === undefined && this.#retry === undefined
  }

  /** Whether events were thrown away unread. */
  get discarding(): boolean {
    return this.#discarding
  }

  /** Keeps no events from here on: only `onArrival` hears them. */
  discard(): void {
    this.#discarding = true
    this.#queue = []
    this.#bytes = 0
    this.#wake?.()
    if (this.resting) this.#subscribe()
  }

  /** Called when the stream is over: with an error, or without one after the result. */
  onEnd(listener: (error: OgentError | undefined) => void): void {
    if (this.#ended) listener(this.#ended.error)
    else this.#onEnd.push(listener)
  }

  /** The next event; undefined after the last, and once events are discarded. Throws what ended the stream. */
  async next(): Promise<SequencedEvent | undefined> {
    while (!this.#discarding) {
      const item = this.#queue.shift()
      if (item) {
        this.#bytes -= sizeOf(item.event)
        return item
      }
      if (this.#ended?.error) throw this.#ended.error
      if (this.#ended) return undefined
      if (this.resting) this.#subscribe()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return undefined
  }

  /** Ends the stream, in an error where one is given. The first end holds. */
  stop(error?: OgentError): void {
    this.#end(error)
  }

  #subscribe(): void {
    let live = true
    const ifLive =
      <T extends unknown[]>(act: (...args: T) => void) =>
      (...args: T) => {
        if (live) act(...args)
      }
    this.#started = false
    const stop = this.#options.open(this.#seeksResult ? undefined : this.#lastId, {
      onStarted: ifLive(() => {
        this.#started = true
      }),
      onEvent: ifLive((id, event) => this.#arrive(id, event)),
      onError: ifLive((error) => {
        live = false
        this.#stopSubscription = undefined
        this.#fail(toOgentError(error))
      }),
      onComplete: ifLive(() => {
        live = false
        this.#stopSubscription = undefined
        this.#complete()
      }),
    })
    this.#stopSubscription = () => {
      live = false
      stop()
    }
    // It may have failed in the same moment.
    if (!live) this.#stopSubscription = undefined
  }

  #arrive(id: string, event: RawCommandEvent): void {
    this.#backoff.connected()
    this.#refusals = 0
    const isResult = event.type === 'command_result'
    if (this.#seeksResult && !isResult) return
    this.#hasResult ||= isResult
    this.#lastId = id
    this.#contacted = true
    const item = { seq: Number(id.slice(id.lastIndexOf(':') + 1)), event }
    if (!this.#isNew(item)) return
    this.#highest = Math.max(this.#highest, item.seq)
    this.#options.onArrival?.(item)
    if (this.#discarding || this.#ended) return
    this.#queue.push(item)
    this.#bytes += sizeOf(event)
    this.#wake?.()
    if (this.#bytes > MAX_BEHIND_BYTES || this.#queue.length > MAX_BEHIND_EVENTS) this.#rest()
  }

  /**
   * Output tells its own place, in bytes. A controller that was killed may have shown what it had not stored yet,
   * and then count its entries anew from a little earlier: what comes twice is passed over by its offset, and
   * where something is missing the journal is read again from the beginning.
   */
  #isNew({ seq, event }: SequencedEvent): boolean {
    if (!isOutput(event)) {
      const again = this.#replaying || this.#step > 1
      return !again || seq > this.#highest || event.type === 'command_result'
    }
    const expected = this.#expected[event.stream] ?? event.offset
    if (event.offset < expected) return false
    if (event.offset > expected && !this.#replaying) {
      this.#replaying = true
      this.#lastId = undefined
      this.#rest()
      this.#subscribe()
      return false
    }
    this.#expected[event.stream] = event.offset + event.bytes
    return true
  }

  /**
   * A controller and an agent that were killed together take with them what was shown and not yet stored; the
   * result then has a place that was counted as seen. It is looked for from the beginning, once.
   */
  #complete(): void {
    if (this.#hasResult) return this.#end(undefined)
    if (this.#seeksResult) {
      return this.#end(new OgentError('COMMAND_ENDED', 'The command has ended, and has no event after that.'))
    }
    this.#seeksResult = true
    this.#subscribe()
  }

  #rest(): void {
    this.#stopSubscription?.()
    this.#stopSubscription = undefined
  }

  #fail(error: OgentError): void {
    if (this.#ended) return
    if (isUnknownEvent(error) && this.#lastId !== undefined) return this.#stepBack(this.#lastId)
    if (!this.#mayRetry(error)) return this.#end(error)
    // A connection that was there and is lost begins an outage, however quiet the command was meanwhile. A controller
    // that takes the call and cannot serve it does not end one.
    if (this.#started && error.code === 'CONNECTION_LOST') this.#backoff.connected()
    this.#retry = setTimeout(() => {
      this.#retry = undefined
      this.#subscribe()
    }, toldWait(error) + this.#backoff.next(LONGEST_DELAY_MS))
  }

  /**
   * A controller that was restored from a backup, or killed before it had stored what it showed, does not know the
   * event that was seen last. Which one it does know is looked for, so that not all has to come again.
   */
  #stepBack(lastId: string): void {
    const colon = lastId.lastIndexOf(':') + 1
    const seq = Number(lastId.slice(colon)) - this.#step
    this.#step *= 2
    this.#lastId = seq > 0 ? `${lastId.slice(0, colon)}${seq}` : undefined
    this.#subscribe()
  }

  #mayRetry(error: OgentError): boolean {
    if (error.code === 'UNAUTHORIZED') {
      this.#refusals += 1
      return this.#refusals === 1 && this.#options.renewToken()
    }
    if (error.code === 'RATE_LIMITED') return this.#contacted || this.#options.goesOn === true
    if (this.#contacted) return error.code === 'CONNECTION_LOST' || error.code === 'UNAVAILABLE'
    if (error.code !== 'CONNECTION_LOST') return false
    return performance.now() - this.#began < this.#options.firstContactMs
  }

  #end(error: OgentError | undefined): void {
    if (this.#ended) return
    this.#ended = { error }
    clearTimeout(this.#retry)
    this.#rest()
    this.#wake?.()
    for (const listener of this.#onEnd.splice(0)) listener(error)
  }
}

function isUnknownEvent({ code, issues }: OgentError): boolean {
  return code === 'VALIDATION_FAILED' && issues?.some(({ loc }) => loc.at(-1) === 'lastEventId') === true
}

function sizeOf(event: RawCommandEvent): number {
  return isOutput(event) ? event.data.length : 0
}
