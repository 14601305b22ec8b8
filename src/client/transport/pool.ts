import { Backoff } from '../../shared/async/backoff.js'
import { type ErrorCode, OgentError } from '../../shared/errors.js'
import { toOgentError } from '../errors.js'
import type { TokenKeeper } from './credentials.js'
import type { Reach } from './reach.js'
import { FIRST_DELAY_MS, LONGEST_DELAY_MS, toldWait } from './retry.js'
import { Session } from './session.js'
import { type ConnectionStatus, StatusSource } from './status.js'

/** What another attempt may find mended. */
const PASSING: ReadonlySet<ErrorCode> = new Set(['CONNECTION_LOST', 'UNAVAILABLE', 'RATE_LIMITED'])

/**
 * Keeps one session open for a client: dials when it is needed, and again when the last one is gone. While the status
 * is read, a lost connection is needed too: no status is read that says of a connection that it is being made while
 * none is.
 */
export class SessionPool {
  readonly #url: string
  readonly #tokens: TokenKeeper
  readonly #reach: Reach
  readonly #stop = new AbortController()
  readonly #sessions = new Set<Session>()
  readonly #status = new StatusSource(() => this.#redial())
  readonly #backoff = new Backoff({ baseMs: FIRST_DELAY_MS })
  #current: Session | undefined
  #dialing: Promise<Session> | undefined
  #redialing: ReturnType<typeof setTimeout> | undefined
  /** How long the controller said to wait, in ms, when it was dialled last. */
  #toldMs = 0

  constructor(url: string, tokens: TokenKeeper, reach: Reach) {
    this.#url = url
    this.#tokens = tokens
    this.#reach = reach
  }

  /** The state of the connection, now and at every change: see `StatusSource`. */
  get statuses(): AsyncIterable<ConnectionStatus> {
    return this.#status.statuses
  }

  /** The open session, or a fresh one. A session whose token grows old takes no new calls. */
  get(): Session | Promise<Session> {
    if (this.#stop.signal.aborted) return Promise.reject(closed())
    const current = this.#current
    if (current?.usable && !this.#tokens.stale) return current
    this.#dialing ??= this.#dial().finally(() => {
      this.#dialing = undefined
      this.#redial()
    })
    return this.#dialing
  }

  /** After a call was refused for its token: whether another try with a fresh one makes sense. */
  renew(): boolean {
    if (!this.#tokens.renew()) return false
    const current = this.#current
    if (!current) return true
    this.#lose(new OgentError('UNAUTHORIZED', 'The controller refused the token.'))
    current.retire()
    return true
  }

  close(): void {
    this.#stop.abort(closed())
    clearTimeout(this.#redialing)
    this.#status.close()
    for (const session of this.#sessions) session.close()
  }

  async #dial(): Promise<Session> {
    this.#status.dialing()
    try {
      const token = await this.#tokens.token()
      const { signal } = this.#stop
      const session = await Session.open({ ...this.#reach, url: this.#url, token, signal })
      this.#adopt(session)
      // It may have been closed in the moment in which the socket opened.
      if (signal.aborted) session.close()
      return session
    } catch (cause) {
      // The session that was to be replaced goes on.
      if (!this.#current?.usable) this.#fail(toOgentError(cause))
      throw cause
    }
  }

  #adopt(session: Session): void {
    const began = performance.now()
    const lose = (error: OgentError) => {
      if (this.#current !== session) return
      // A connection that is lost as soon as it is there does not end an outage.
      if (performance.now() - began > LONGEST_DELAY_MS) this.#backoff.connected()
      this.#lose(error)
    }
    session.onReconnect = () => {
      lose(new OgentError('CONNECTION_LOST', 'The controller asked its clients to reconnect.'))
    }
    this.#current?.retire()
    this.#current = session
    this.#sessions.add(session)
    this.#status.connected()
    this.#toldMs = 0
    void session.closed.then((error) => {
      this.#sessions.delete(session)
      lose(error)
    })
  }

  /** The current session takes no more calls. */
  #lose(error: OgentError): void {
    this.#current = undefined
    this.#status.lost(error)
    this.#redial()
  }

  #fail(error: OgentError): void {
    this.#toldMs = toldWait(error)
    if (PASSING.has(error.code)) this.#status.failed(error)
    else this.#status.gaveUp(error)
  }

  /** Dials again after a while, where the status says so to anyone, unless a call does it before. */
  #redial(): void {
    const { state, read } = this.#status
    if (!read || (state !== 'connecting' && state !== 'reconnecting')) return
    if (this.#dialing || this.#redialing !== undefined) return
    this.#redialing = setTimeout(() => {
      this.#redialing = undefined
      if (!this.#status.read || this.#current || this.#stop.signal.aborted) return
      // What it fails with is in the status.
      Promise.resolve(this.get()).catch(() => {})
    }, this.#toldMs + this.#backoff.next(LONGEST_DELAY_MS))
  }
}

function closed(): OgentError {
  return new OgentError('CLOSED', 'This client is closed.')
}
