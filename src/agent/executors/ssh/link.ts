import { Backoff } from '../../../shared/async/backoff.js'
import { sleep } from '../../../shared/async/sleep.js'
import { withTimeout } from '../../../shared/async/timeout.js'
import { OgentError } from '../../../shared/errors.js'
import type { Log } from '../../commands/ports.js'
import { SshConnection, type SshFacts } from './connection.js'
import { type ConnectFailure, connectOnce } from './handshake.js'
import { addressName, type SshSettings, targetName } from './settings.js'

export type SshStatus = 'connecting' | 'connected' | 'unavailable'

export type SshState = { status: SshStatus; lastError: string | null; facts: SshFacts | undefined }

export type SshLinkOptions = {
  settings: SshSettings
  log: Log
  /** Each new connection, before commands may use it. */
  onConnected: (connection: SshConnection) => void
  onStatus: (state: SshState) => void
}

/** The window of the first wait between attempts, which grows with the outage, and the longest; in ms. */
const BASE_MS = 500
const LONGEST_MS = 30_000
/** While a command waits, attempts are no further apart than this, nor than a quarter of its time. */
const AWAITED_MS = 1000
/** A failure that lasts is not tried again sooner: servers lock out who keeps knocking with a wrong password. */
const LASTING_MS = 5000
/** A connection that stood so long was a good one, in ms: its loss begins a new outage. */
const GOOD_MS = 10_000

type Waiter = { resolve(connection: SshConnection): void; reject(error: Error): void }

/** Keeps one connection to the target, for as long as it is open. */
export class SshLink {
  readonly #options: SshLinkOptions
  readonly #closing = new AbortController()
  readonly #waiters = new Set<Waiter>()
  readonly #backoff = new Backoff({ baseMs: BASE_MS })
  #running: Promise<void> | undefined
  #connection: SshConnection | undefined
  #state: SshState = { status: 'connecting', lastError: null, facts: undefined }
  #failure: (ConnectFailure & { at: number }) | undefined
  /** Shortens the present wait between attempts. */
  #hurry = new AbortController()

  constructor(options: SshLinkOptions) {
    this.#options = options
  }

  get state(): SshState {
    return this.#state
  }

  /** Connects, and connects again, until closed. */
  open(): void {
    this.#running ??= this.#keep()
  }

  /** The connection, waited for up to the time-out. Rejects with `TARGET_UNAVAILABLE` and the cause. */
  connection(signal: AbortSignal): Promise<SshConnection> {
    const { settings } = this.#options
    if (this.#closing.signal.aborted) return Promise.reject(closedError())
    if (this.#connection?.lost === undefined && this.#connection) return Promise.resolve(this.#connection)
    const failure = this.#failure
    if (failure?.lasting && performance.now() - failure.at < LASTING_MS) {
      return Promise.reject(unavailable(settings, failure.message))
    }
    this.open()
    return this.#wait(signal)
  }

  /** Shells that are ready on the present connection. */
  get shellsReady(): number {
    return this.#connection?.shells.ready ?? 0
  }

  /** What a command waits for that has the present connection and no shell; undefined where there is no connection. */
  get awaited(): string | undefined {
    return this.#connection?.shells.awaited
  }

  /** How long the last login shell took to be there, in ms. */
  get loginMs(): number {
    return this.#connection?.shells.loginMs ?? 0
  }

  async close(): Promise<void> {
    this.#closing.abort()
    for (const waiter of this.#waiters) waiter.reject(closedError())
    await this.#connection?.close()
    await this.#running
  }

  async #wait(signal: AbortSignal): Promise<SshConnection> {
    const { settings } = this.#options
    let leave = () => {}
    const next = new Promise<SshConnection>((resolve, reject) => {
      const waiter: Waiter = { resolve, reject }
      this.#waiters.add(waiter)
      leave = () => void this.#waiters.delete(waiter)
    })
    if (!signal.aborted) this.#hurry.abort()
    const late = () => {
      throw unavailable(settings, this.#failure?.message ?? noAnswer(settings))
    }
    try {
      return await withTimeout(next, settings.timeoutMs, late, { signal })
    } catch (error) {
      throw signal.aborted ? new Error('Given up while waiting for the ssh connection.') : error
    } finally {
      leave()
    }
  }

  async #keep(): Promise<void> {
    const { settings, log, onConnected } = this.#options
    const { signal } = this.#closing
    while (!signal.aborted) {
      const attempt = await connectOnce(settings, signal)
      if (attempt.ok) {
        const connection = new SshConnection(attempt.client, settings, log)
        if (signal.aborted) return connection.close()
        const stood = await this.#use(connection, onConnected)
        if (stood > GOOD_MS) this.#backoff.connected()
        await this.#pause(0)
      } else {
        this.#failed(attempt.failure)
        await this.#pause(attempt.failure.lasting ? LASTING_MS : 0)
      }
    }
  }

  /** From its login to its loss; gives how long it stood, in ms. */
  async #use(connection: SshConnection, onConnected: SshLinkOptions['onConnected']): Promise<number> {
    const { log, settings } = this.#options
    const began = performance.now()
    const target = targetName(settings)
    this.#connection = connection
    this.#failure = undefined
    // Commands that wait are given it at once: from here on they wait for a shell, which has no time-out of ours.
    for (const waiter of this.#waiters) waiter.resolve(connection)
    await Promise.race([connection.settled, connection.gone])
    if (connection.lost === undefined && !this.#closing.signal.aborted) {
      this.#connected(connection)
      log.info({ target }, 'ssh target connected')
      onConnected(connection)
    }
    const cause = await connection.gone
    this.#connection = undefined
    if (!this.#closing.signal.aborted) {
      log.warn({ target, reason: cause }, 'ssh target lost')
      this.#setState({
        ...this.#state,
        status: 'connecting',
        lastError: `The connection was lost: ${cause}.`,
      })
    }
    return performance.now() - began
  }

  /** Told once more where the target is slow to say what it is. */
  #connected(connection: SshConnection): void {
    const tell = () => this.#setState({ status: 'connected', lastError: null, facts: connection.knownFacts })
    tell()
    if (connection.knownFacts) return
    void connection.facts.then((facts) => {
      if (facts && this.#connection === connection) tell()
    })
  }

  #failed(failure: ConnectFailure): void {
    const { log, settings } = this.#options
    if (this.#closing.signal.aborted) return
    if (failure.message !== this.#failure?.message) {
      log.warn({ target: targetName(settings), reason: failure.message }, 'ssh target unavailable')
    }
    this.#failure = { ...failure, at: performance.now() }
    this.#setState({ ...this.#state, status: 'unavailable', lastError: failure.message })
    if (!failure.lasting) return
    for (const waiter of this.#waiters) waiter.reject(unavailable(settings, failure.message))
  }

  #setState(state: SshState): void {
    this.#state = state
    this.#options.onStatus(state)
  }

  /** Backs off, for `leastMs` at least; a command that waits, or comes to wait, shortens that. */
  async #pause(leastMs: number): Promise<void> {
    const closing = this.#closing.signal
    const began = performance.now()
    const awaitedMs = Math.min(AWAITED_MS, this.#options.settings.timeoutMs / 4)
    this.#hurry = new AbortController()
    const hurried = this.#hurry.signal
    const delayMs = Math.max(leastMs, this.#backoff.next(this.#waiters.size > 0 ? awaitedMs : LONGEST_MS))
    // Either signal only ends the wait early.
    await sleep(delayMs, { signal: AbortSignal.any([closing, hurried]) }).catch(() => {})
    if (!hurried.aborted) return
    const leftMs = Math.min(delayMs, awaitedMs * Math.random()) - (performance.now() - began)
    await sleep(Math.max(leftMs, 0), { signal: closing }).catch(() => {})
  }
}

export function unavailable(settings: SshSettings, cause: string): OgentError {
  return new OgentError(
    'TARGET_UNAVAILABLE',
    `The SSH target ${targetName(settings)} is unavailable: ${cause}`,
  )
}

function closedError(): OgentError {
  return new OgentError('CLOSED', 'The agent is closing its SSH target.')
}

function noAnswer(settings: SshSettings): string {
  return `${addressName(settings)} is unreachable: no SSH session within ${settings.timeoutMs / 1000} s.`
}
