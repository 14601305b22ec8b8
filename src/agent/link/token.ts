import { requestToken } from '../../client/transport/login.js'
import type { TokenReply } from '../../shared/access/identity.js'

export type TokenOptions = {
  url: string
  /** The account to log in with; of no meaning where a key asks. */
  username?: string | undefined
  password?: string | undefined
  /** How an agent with a key asks. */
  keyed?: { ask(): Promise<TokenReply> } | undefined
  /** Certificates to trust, as PEM text; undefined: those that Node.js comes with. */
  ca?: string | undefined
}

/** Of a token's life, the part after which another is asked for. */
const RENEW_AFTER = 0.8
/** How often the age of the token is looked at while a link is open, in ms, and after a renewal that failed. */
const CHECK_MS = 20_000
const AFTER_FAILURE_MS = 120_000

/** How long a login may take, in ms: it waits for its turn, where one that is given up would wait anew. */
const LOGIN_MS = 30_000

/**
 * The agent's token, kept for as long as it is good. It is renewed while the link is open, so that after a restart of
 * the controller a fleet connects with the tokens that it has: thousands of logins at once would take minutes.
 */
export class AgentToken {
  readonly #options: TokenOptions
  #held: { token: string; renewAt: number; expiresAt: number } | undefined
  #asking: Promise<string> | undefined

  constructor(options: TokenOptions) {
    this.#options = options
  }

  /** Whether one is held that has not expired. */
  get held(): boolean {
    return this.#held !== undefined && performance.now() < this.#held.expiresAt
  }

  /** The token that is held, or a fresh one. Throws what `login` does. */
  async get(): Promise<string> {
    return this.#held && this.held ? this.#held.token : this.#ask()
  }

  /** Forgets a token that was refused. */
  forget(): void {
    this.#held = undefined
  }

  /** Renews the token in time until the returned function is called. `failed` gets the reason where that fails. */
  keepFresh(failed: (error: unknown) => void): () => void {
    let timer: NodeJS.Timeout
    let ended = false
    const later = (ms: number) => {
      // Spread, since the agents of a fleet may have logged in together.
      if (!ended) timer = setTimeout(check, ms * (0.5 + Math.random() / 2))
    }
    const check = () => {
      if (this.#held && performance.now() < this.#held.renewAt) return later(CHECK_MS)
      this.#ask().then(
        () => later(CHECK_MS),
        (error) => {
          failed(error)
          later(AFTER_FAILURE_MS)
        },
      )
    }
    later(CHECK_MS)
    return () => {
      ended = true
      clearTimeout(timer)
    }
  }

  #ask(): Promise<string> {
    this.#asking ??= this.#request().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  async #request(): Promise<string> {
    const { url, username = '', password = '', ca, keyed } = this.#options
    const asked = performance.now()
    const login = { url, username, password, ca, timeoutMs: LOGIN_MS }
    const { access_token, expires_in } = await (keyed ? keyed.ask() : requestToken(login))
    // Counted by this side's clock, from before the question: the token is not used up to its last moment.
    const expiresAt = asked + expires_in * 1000
    this.#held = { token: access_token, expiresAt, renewAt: asked + expires_in * 1000 * RENEW_AFTER }
    return access_token
  }
}
