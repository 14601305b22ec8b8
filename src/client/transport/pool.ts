import { OgentError } from '../../shared/errors.js'
import type { TokenKeeper } from './credentials.js'
import { Session } from './session.js'

/** Keeps one session open for a client: dials when it is needed, and again when the last one is gone. */
export class SessionPool {
  readonly #url: string
  readonly #tokens: TokenKeeper
  readonly #ca: string | undefined
  readonly #stop = new AbortController()
  readonly #sessions = new Set<Session>()
  #current: Session | undefined
  #dialing: Promise<Session> | undefined

  constructor(url: string, tokens: TokenKeeper, ca: string | undefined) {
    this.#url = url
    this.#tokens = tokens
    this.#ca = ca
  }

  /** The open session, or a fresh one. A session whose token grows old takes no new calls. */
  get(): Session | Promise<Session> {
    if (this.#stop.signal.aborted) return Promise.reject(closed())
    const current = this.#current
    if (current?.usable && !this.#tokens.stale) return current
    this.#dialing ??= this.#dial().finally(() => {
      this.#dialing = undefined
    })
    return this.#dialing
  }

  /** After a call was refused for its token: whether another try with a fresh one makes sense. */
  renew(): boolean {
    if (!this.#tokens.renew()) return false
    this.#current?.retire()
    this.#current = undefined
    return true
  }

  close(): void {
    this.#stop.abort(closed())
    for (const session of this.#sessions) session.close()
  }

  async #dial(): Promise<Session> {
    const token = await this.#tokens.token()
    const session = await Session.open({ url: this.#url, token, ca: this.#ca, signal: this.#stop.signal })
    this.#current?.retire()
    this.#current = session
    this.#sessions.add(session)
    void session.closed.then(() => this.#sessions.delete(session))
    return session
  }
}

function closed(): OgentError {
  return new OgentError('CLOSED', 'This client is closed.')
}
