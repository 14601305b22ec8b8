import { Session } from '../../client/transport/session.js'
import { shownAddress } from '../../host/settings.js'
import type { TokenReply } from '../../shared/access/identity.js'
import { Backoff } from '../../shared/async/backoff.js'
import { sleep } from '../../shared/async/sleep.js'
import { type ErrorCode, OgentError } from '../../shared/errors.js'
import type { AgentLoad, Hello, InputAnswer } from '../../shared/link/protocol.js'
import type { Outbox } from '../commands/outbox.js'
import type { Log } from '../commands/ports.js'
import { Connection, type ConnectionHandlers } from './connection.js'
import { codeOf, sentenceOf, toldWaitOf } from './reason.js'
import { AgentToken } from './token.js'

/** The longest window between two attempts, in ms, and the shortest that a controller's grace may make of it. */
const LONGEST_DELAY_MS = 60_000
const SHORTEST_LIMIT_MS = 1000
/** The longest window while the agent is stopping and still has something to tell. */
const LAST_WORDS_DELAY_MS = 500
const FLUSH_CHECK_MS = 10
/**
 * After some tries with a password that is refused, one so often, in ms: its controller stops listening to a client
 * that is wrong ten times in five minutes. Where the controller says how long to wait, that holds.
 */
const REFUSED_MS = 60_000
const QUICK_TRIES = 3
/** How often this agent reports its load to the controller, in ms, where it has changed. */
const LOAD_MS = 5000

/** How an agent with a key logs in. */
export type KeyedLogin = {
  ask(): Promise<TokenReply>
  /** What it trusts, once it has a token. */
  readonly trust: { ca: string | undefined; anchored: boolean }
  isFinal(code: ErrorCode | undefined): boolean
}

export type LoopOptions = {
  url: string
  /** The account to log in with; of no meaning with a key. */
  username?: string | undefined
  password?: string | undefined
  /** Of an agent with a key: how it asks for tokens, what it trusts, and which refusals are for good. */
  keyed?: KeyedLogin | undefined
  /** Certificates to trust, as PEM text; undefined: those that Node.js comes with. */
  ca?: string | undefined
  /** Window of the first wait, in ms; it grows with the length of the outage. */
  reconnectDelayMs: number
  /** Failed attempts in a row before giving up; undefined: for ever. */
  maxAttempts: number | undefined
  outbox: Outbox
  log: Log
  hello: () => Hello
  load: () => AgentLoad
  /** Called when the link is up, every few seconds while it is, and when it is down. */
  onLink?: (up: boolean) => void
  handlers: ConnectionHandlers
}

/** Keeps the agent connected: one connection after another, each with a fresh hello; see `Backoff` for the waits. */
export class LinkLoop {
  readonly #options: LoopOptions
  readonly #stop = new AbortController()
  readonly #backoff: Backoff
  readonly #token: AgentToken
  #session: Session | undefined
  #connection: Connection | undefined
  #failures = 0
  #longestMs = LONGEST_DELAY_MS
  #hurry = new AbortController()

  constructor(options: LoopOptions) {
    this.#options = options
    this.#backoff = new Backoff({ baseMs: options.reconnectDelayMs })
    this.#token = new AgentToken(options)
  }

  /** Runs until `stop`. Rejects when the attempts are used up, and with a refusal that is for good. */
  async run(): Promise<void> {
    const { log, maxAttempts, url } = this.#options
    while (!this.#stop.signal.aborted) {
      const reason = await this.#connectOnce()
      if (this.#stop.signal.aborted) return
      const code = codeOf(reason)
      if (code !== undefined && this.#isFinal(code))
        throw new OgentError(code, sentenceOf(reason, this.#options))
      this.#failures += 1
      if (maxAttempts !== undefined && this.#failures > maxAttempts) {
        throw new OgentError(
          'UNAVAILABLE',
          `Gave up ${shownAddress(url)} after ${maxAttempts} attempts: ${sentenceOf(reason, this.#options)}`,
        )
      }
      const delayMs = this.#delay(reason)
      const fields = {
        cause: sentenceOf(reason, this.#options),
        code: codeOf(reason),
        attempt: this.#failures,
        delay_ms: Math.round(delayMs),
      }
      log.warn(fields, 'not connected to the controller, trying again')
      const woken = this.#hurry.signal.aborted ? [] : [this.#hurry.signal]
      const signal = AbortSignal.any([this.#stop.signal, ...woken])
      // Either signal only ends the wait early.
      await sleep(delayMs, { signal }).catch(() => {})
    }
  }

  #isFinal(code: ErrorCode): boolean {
    return this.#options.keyed?.isFinal(code) ?? code === 'AGENT_REVOKED'
  }

  get isLinked(): boolean {
    return this.#connection !== undefined
  }

  /**
   * Waits until everything is receipted, for so many ms at most; a link that is down is dialled in a hurry. `linked`: only
   * while the link is open.
   */
  async flush(ms: number, { linked = false } = {}): Promise<void> {
    this.#hurry.abort()
    const deadline = performance.now() + ms
    const hopeful = () => performance.now() < deadline && (this.isLinked || !linked)
    while (this.#options.outbox.commands().length > 0 && hopeful()) await sleep(FLUSH_CHECK_MS)
  }

  /** Tells the controller what has changed about this agent since its hello. */
  inform(): void {
    this.#connection?.inform({ info: this.#options.hello().info })
  }

  /** Tells the controller how far the input of a command is; without effect while there is no link. */
  answer(answer: InputAnswer): void {
    this.#connection?.answer(answer)
  }

  stop(): void {
    this.#stop.abort()
    this.#session?.close()
  }

  /** With the token that is held, where there is one; it may be of no use to a controller with another key. */
  async #connectOnce(): Promise<unknown> {
    const held = this.#token.held
    const reason = await this.#serveOnce()
    // A key that was revoked meanwhile may be followed by another one, where there is a join token.
    const isRefused = ['UNAUTHORIZED', 'AGENT_REVOKED'].includes(codeOf(reason) ?? '')
    if (!held || !isRefused || this.#stop.signal.aborted) return reason
    this.#token.forget()
    return this.#serveOnce()
  }

  /** Resolves, with the reason, when the connection is over or was never made. */
  async #serveOnce(): Promise<unknown> {
    const { url, ca: given, outbox, handlers, log, hello, keyed } = this.#options
    let telling: NodeJS.Timeout | undefined
    let stopRenewing = () => {}
    try {
      const token = await this.#token.get()
      const trust = keyed?.trust ?? { ca: given }
      this.#session = await Session.open({ url, token, ...trust, signal: this.#stop.signal })
      const connection = new Connection(this.#session, outbox, this.#noting(handlers), log)
      this.#connection = connection
      telling = setInterval(this.#loadTeller(connection), LOAD_MS)
      stopRenewing = this.#token.keepFresh((error) => {
        log.debug({ cause: sentenceOf(error, this.#options) }, 'the token was not renewed')
      })
      return await connection.run(hello())
    } catch (error) {
      return error
    } finally {
      clearInterval(telling)
      stopRenewing()
      this.#options.onLink?.(false)
      this.#session = undefined
      this.#connection = undefined
    }
  }

  /** Milliseconds until the next attempt. */
  #delay(reason: unknown): number {
    const delayMs = this.#backoff.next(this.#hurry.signal.aborted ? LAST_WORDS_DELAY_MS : this.#longestMs)
    const toldMs = toldWaitOf(reason)
    // Not as many others as were refused in the same moment.
    if (toldMs > 0) return Math.max(delayMs, toldMs * (1 + Math.random() / 4))
    return this.#isRefusal(reason) && this.#failures > QUICK_TRIES
      ? REFUSED_MS * (0.75 + Math.random() / 2)
      : delayMs
  }

  #isRefusal(reason: unknown): boolean {
    const code = codeOf(reason)
    // A copy of the key stays one until an admin accepts its machine.
    if (code === 'AGENT_CLONED') return this.#options.keyed !== undefined
    return code === 'UNAUTHORIZED' || code === 'RATE_LIMITED'
  }

  #loadTeller(connection: Connection): () => void {
    let told = JSON.stringify({ running: 0, queued: 0, outbox_bytes: 0 })
    return () => {
      if (connection.registered) this.#options.onLink?.(true)
      const load = this.#options.load()
      const says = JSON.stringify(load)
      if (says === told) return
      told = says
      connection.inform({ load })
    }
  }

  #noting(handlers: ConnectionHandlers): ConnectionHandlers {
    return {
      ...handlers,
      onRegistered: (registered) => {
        this.#failures = 0
        this.#backoff.connected()
        this.#options.onLink?.(true)
        // An outage shorter than the grace must not outlast it by the wait for the next attempt.
        this.#longestMs = Math.min(Math.max(registered.grace_ms / 4, SHORTEST_LIMIT_MS), LONGEST_DELAY_MS)
        handlers.onRegistered(registered)
      },
    }
  }
}
