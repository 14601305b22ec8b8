import { FoldingQueue } from '../../shared/async/queue.js'
import type { OgentError } from '../../shared/errors.js'

/** There is no connection, and none is being made: the next call makes one. */
export interface IdleStatus {
  /** No connection, and none is being made. */
  state: 'idle'
  /** Since when, as an RFC 3339 time by this machine's clock. */
  since: string
  /**
   * Why there is none, where connecting has failed for a reason that further attempts would not mend, such as a refused
   * password. Absent before the first call. What a token function of yours threw is its `cause`.
   */
  error?: OgentError
}

/** The client's first connection is being made. */
export interface ConnectingStatus {
  /** The first connection is being made. */
  state: 'connecting'
  /** When the first attempt began, as an RFC 3339 time by this machine's clock. */
  since: string
  /** Which attempt is the next to succeed or fail, from 1: all before it have failed. */
  attempt: number
  /** Why the attempt before this one failed; absent for the first. */
  error?: OgentError
}

/** The connection is open. A token that the controller does not accept shows at the first call. */
export interface ConnectedStatus {
  /** The connection is open. */
  state: 'connected'
  /**
   * Since when there has been a connection without a break, as an RFC 3339 time by this machine's clock. A socket that
   * is replaced in time for a fresh token is no break.
   */
  since: string
}

/** There was a connection, it was lost, and another is being made. */
export interface ReconnectingStatus {
  /** The connection was lost, and another is being made. */
  state: 'reconnecting'
  /** When the connection was lost, as an RFC 3339 time by this machine's clock. */
  since: string
  /** Which attempt is the next to succeed or fail, from 1: all before it have failed. */
  attempt: number
  /** Why the connection was lost, for the first attempt; then, why the attempt before this one failed. */
  error?: OgentError
}

/** The client was closed by its `close()`: the last status there is. */
export interface ClosedStatus {
  /** The client was closed. */
  state: 'closed'
  /** When, as an RFC 3339 time by this machine's clock. */
  since: string
}

/** The state of a client's connection to its controller. `state` tells the kinds apart. */
export type ConnectionStatus =
  | IdleStatus
  | ConnectingStatus
  | ConnectedStatus
  | ReconnectingStatus
  | ClosedStatus

/** Holds the state of a connection, and tells it to every loop that reads it. */
export class StatusSource {
  readonly #readers = new Set<FoldingQueue<ConnectionStatus>>()
  readonly #onReader: () => void
  #status: ConnectionStatus = { state: 'idle', since: now() }
  #everConnected = false

  /** `onReader` is called when a loop begins. */
  constructor(onReader: () => void) {
    this.#onReader = onReader
  }

  get state(): ConnectionStatus['state'] {
    return this.#status.state
  }

  /** Whether any loop is reading. */
  get read(): boolean {
    return this.#readers.size > 0
  }

  /** Each loop over it begins with the status at that time; what a loop has not read yet is its newest status alone. */
  readonly statuses: AsyncIterable<ConnectionStatus> = {
    [Symbol.asyncIterator]: () => this.#reader(),
  }

  /** An attempt to connect begins. */
  dialing(): void {
    if (this.state !== 'idle') return
    this.#set({ state: this.#everConnected ? 'reconnecting' : 'connecting', since: now(), attempt: 1 })
  }

  /** The attempt failed; a further one may succeed. */
  failed(error: OgentError): void {
    const status = this.#status
    if (status.state !== 'connecting' && status.state !== 'reconnecting') return
    this.#set({ ...status, attempt: status.attempt + 1, error })
  }

  /** The attempt failed, and a further one would fail for the same reason. */
  gaveUp(error: OgentError): void {
    this.#set({ state: 'idle', since: now(), error })
  }

  connected(): void {
    this.#everConnected = true
    if (this.state !== 'connected') this.#set({ state: 'connected', since: now() })
  }

  lost(error: OgentError): void {
    this.#set({ state: 'reconnecting', since: now(), attempt: 1, error })
  }

  close(): void {
    this.#set({ state: 'closed', since: now() })
    for (const reader of this.#readers) reader.end()
  }

  #set(status: ConnectionStatus): void {
    if (this.state === 'closed') return
    this.#status = status
    for (const reader of this.#readers) reader.push(status)
  }

  #reader(): AsyncIterator<ConnectionStatus, undefined> {
    const reader: FoldingQueue<ConnectionStatus> = new FoldingQueue<ConnectionStatus>({
      keyOf: () => 'status',
      max: 1,
      onLeave: () => this.#readers.delete(reader),
    })
    reader.push(this.#status)
    if (this.state === 'closed') reader.end()
    else this.#readers.add(reader)
    this.#onReader()
    return reader
  }
}

function now(): string {
  return new Date().toISOString()
}
