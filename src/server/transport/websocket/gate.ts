import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import { OgentError } from '../../../shared/errors.js'
import type { Unread } from '../answer-memory.js'

/** Bytes that may wait in a socket before its subscriptions wait too. */
const SUBSCRIPTION_BYTES = 128 * 1024
/** With more unread bytes than this nothing more is read from the socket, and answers wait. */
const PAUSE_BYTES = 1024 * 1024
/** A socket with more unread bytes than this is closed; one message that is larger by itself is let through. */
const CLOSE_BYTES = 8 * 1024 * 1024
/** Bytes of answers that may be built for one socket at a time; one that is larger is built alone. */
const ANSWER_BYTES = 4 * 1024 * 1024
/** Less than this is not counted as unread: every socket may have a little. */
const WORTH_COUNTING = 16 * 1024
/** A socket that leaves an answer waiting for so long, in ms, does not read: it is closed. */
const UNREAD_MS = 10_000
/** How long a peer that is refused has to read why, in ms. */
const REFUSED_MS = 1000
/** Subscriptions that go on in one turn of the event loop, so that all together write little more than one may. */
const WOKEN_AT_A_TIME = 16
/** What an event is taken to be while tRPC encodes it. */
const EVENT_BYTES = 64 * 1024

/** Calls at work on one socket; further ones wait, and nothing more is read. */
const CALLS_AT_WORK = 64
/** With so many at work, those that came in the same message wait as bytes. */
const CALLS_TO_GO_ON = 16
/** What a call takes while it is at work, without its answer. */
const CALL_BYTES = 12 * 1024
/** Reports that are being stored, which an agent sends up to 64 of: more than this, and nothing more is read. */
const REPORTS_AT_WORK = 128
const REPORT_BYTES_AT_WORK = 32 * 1024 * 1024

type Raw = IncomingMessage['socket']
type Waiter = { go: () => void }

/**
 * Bounds what one socket can make the controller hold: unread bytes, calls at work, answers that wait. Reading stops
 * while too much is under way, so that the caller waits and not the controller's memory.
 */
export class SocketGate {
  readonly #socket: WebSocket
  readonly #raw: Raw
  readonly #waitingEvents = new Set<Waiter>()
  readonly #waitingAnswers = new Set<Waiter>()
  /** Answers that wait until those before them were sent. */
  readonly #waitingRoom = new Set<Waiter>()
  readonly #waitingCalls: (() => void)[] = []
  /** What hands on the calls of a long message. */
  readonly #waitingFeed = new Set<Waiter>()
  #feeding = false
  #callsAtWork = 0
  #reportsAtWork = 0
  #reportBytes = 0
  #reserved = 0
  #answerBytes = 0
  #unread: Unread | undefined
  #closeBytes = CLOSE_BYTES
  #waking = false
  #refused = false
  #closed = false

  constructor(socket: WebSocket, raw: Raw) {
    this.#socket = socket
    this.#raw = raw
    raw.on('drain', () => this.#drained())
    socket.once('close', () => this.#close())
  }

  /** Whether answers and events have to wait. */
  get full(): boolean {
    return this.#raw.writableLength > PAUSE_BYTES
  }

  /** Called with the length of each message once it was written. */
  wrote(bytes: number): void {
    const waiting = this.#raw.writableLength
    if (waiting <= PAUSE_BYTES) return
    this.#count()
    if (this.#closed) return
    if (bytes > PAUSE_BYTES) this.#closeBytes = Math.max(this.#closeBytes, CLOSE_BYTES + bytes)
    if (waiting > this.#closeBytes) return this.refuse('too much was not read')
    this.#socket.pause()
  }

  /** Resolves when a subscription may go on to its next events. */
  async writable(signal: AbortSignal): Promise<void> {
    while (this.#raw.writableLength > SUBSCRIPTION_BYTES && !this.#closed) {
      await this.#wait(this.#waitingEvents, signal)
    }
  }

  /** Resolves when one event may be sent; to be asked where `full` says so. */
  async room(signal: AbortSignal): Promise<void> {
    while (this.full && !this.#closed) await this.#wait(this.#waitingEvents, signal)
  }

  /**
   * The same for an event that tRPC sends a few microtasks later: of many subscriptions that go on at once, each would
   * find the socket empty.
   */
  async reserve(signal: AbortSignal): Promise<void> {
    while (this.#raw.writableLength + this.#reserved > PAUSE_BYTES && !this.#closed) {
      await this.#wait(this.#waitingEvents, signal)
    }
    if (this.#reserved === 0) setImmediate(() => this.#unreserve())
    this.#reserved += EVENT_BYTES
  }

  /** A place among the calls at work; what it gives returns the place. Throws CLOSED once the socket is. */
  async enter(): Promise<() => void> {
    if (this.#callsAtWork >= CALLS_AT_WORK && !this.#closed) {
      this.#socket.pause()
      // A call that ends hands over its place: it stays taken in between.
      await new Promise<void>((resolve) => this.#waitingCalls.push(resolve))
    } else {
      this.#callsAtWork += 1
      this.#count()
    }
    this.assertOpen()
    return () => this.#leave()
  }

  /**
   * Resolves when further calls of a message may begin, after those that were just handed on; false: the socket is
   * closed. Nothing is read meanwhile.
   */
  async hasRoomForCalls(): Promise<boolean> {
    this.#feeding = true
    this.#socket.pause()
    // tRPC takes a few steps until a call is at work.
    await new Promise((resolve) => setImmediate(resolve))
    while (!this.#closed && (this.full || this.#callsAtWork > CALLS_TO_GO_ON)) {
      if (this.full) await this.answerable()
      else await this.#wait(this.#waitingFeed)
    }
    this.#feeding = false
    this.#resume()
    return !this.#closed
  }

  /** Throws CLOSED where the answer is for no peer any more. */
  assertOpen(): void {
    if (this.#closed) throw new OgentError('CLOSED', 'The connection is closed.')
  }

  /** Has what is unread here counted, now that it is known whose socket this is. */
  countUnread(unread: Unread): void {
    this.#unread = unread
  }

  /** Resolves when an answer may be sent. A socket that does not read meanwhile is closed. */
  async answerable(): Promise<void> {
    while (this.full && !this.#closed) {
      const late = setTimeout(() => this.refuse('answers were not read'), UNREAD_MS)
      await this.#wait(this.#waitingAnswers)
      clearTimeout(late)
    }
  }

  /**
   * Resolves when an answer of about so many bytes may be built for this socket, with what is to be called when it was
   * sent. Throws CLOSED.
   */
  async reserveAnswer(bytes: number): Promise<() => void> {
    while (!this.#closed) {
      if (this.full) await this.answerable()
      else if (this.#answerBytes > 0 && this.#answerBytes + bytes > ANSWER_BYTES)
        await this.#wait(this.#waitingRoom)
      else break
    }
    this.assertOpen()
    this.#answerBytes += bytes
    return () => {
      this.#answerBytes -= bytes
      for (const waiter of [...this.#waitingRoom]) waiter.go()
    }
  }

  /** Counts reports of this many bytes as being stored, until `stored`. */
  storing(bytes: number): void {
    this.#reportsAtWork += 1
    this.#reportBytes += bytes
    if (this.#reportsAtWork > REPORTS_AT_WORK || this.#reportBytes > REPORT_BYTES_AT_WORK)
      this.#socket.pause()
  }

  stored(bytes: number): void {
    this.#reportsAtWork -= 1
    this.#reportBytes -= bytes
    if (this.#socket.isPaused) this.#resume()
  }

  /** Closes the socket, whether or not its peer reads that. Nothing more is written. */
  refuse(reason: string): void {
    if (this.#refused || this.#closed) return
    this.#refused = true
    this.#socket.pause()
    this.#socket.close(4413, reason)
    const timer = setTimeout(() => this.#socket.terminate(), REFUSED_MS)
    this.#socket.once('close', () => clearTimeout(timer))
  }

  /** Whether it was refused: what is still under way is not for it any more. */
  get refused(): boolean {
    return this.#refused
  }

  #leave(): void {
    const next = this.#waitingCalls.shift()
    if (next) return next()
    this.#callsAtWork -= 1
    this.#count()
    if (this.#callsAtWork <= CALLS_TO_GO_ON) for (const waiter of [...this.#waitingFeed]) waiter.go()
    this.#resume()
  }

  #resume(): void {
    if (!this.#socket.isPaused || this.full || this.#closed || this.#refused) return
    if (this.#waitingCalls.length > 0 || this.#feeding) return
    if (this.#reportsAtWork > REPORTS_AT_WORK || this.#reportBytes > REPORT_BYTES_AT_WORK) return
    this.#socket.resume()
  }

  /** What this socket holds by what it does not read, and by the calls that wait. */
  #count(): void {
    if (this.#closed) return
    const waiting = this.#raw.writableLength
    this.#unread?.set(this.#callsAtWork * CALL_BYTES + (waiting > WORTH_COUNTING ? waiting : 0))
  }

  #drained(): void {
    this.#count()
    this.#closeBytes = CLOSE_BYTES
    this.#resume()
    this.#wakeSome()
  }

  #unreserve(): void {
    this.#reserved = 0
    this.#wakeSome()
  }

  /** Not all at once: each would find the socket empty, and fill it. */
  #wakeSome(): void {
    if (this.#waking) return
    let left = WOKEN_AT_A_TIME
    for (const waiters of [this.#waitingAnswers, this.#waitingEvents]) {
      for (const waiter of waiters) {
        if (left === 0 || this.full) break
        left -= 1
        waiter.go()
      }
    }
    if (left > 0) return
    this.#waking = true
    setImmediate(() => {
      this.#waking = false
      this.#wakeSome()
    })
  }

  #wait(waiters: Set<Waiter>, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        waiters.delete(waiter)
        reject(signal?.reason)
      }
      const waiter = {
        go: () => {
          waiters.delete(waiter)
          signal?.removeEventListener('abort', onAbort)
          resolve()
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      waiters.add(waiter)
    })
  }

  #close(): void {
    this.#closed = true
    this.#unread?.set(0)
    for (const waiters of [this.#waitingAnswers, this.#waitingRoom, this.#waitingFeed, this.#waitingEvents]) {
      for (const waiter of [...waiters]) waiter.go()
    }
    for (const go of this.#waitingCalls.splice(0)) go()
  }
}
