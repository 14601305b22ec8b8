import { OgentError } from '../../shared/errors.js'
import type { Events } from '../events.js'
import type { Caller } from '../transport/caller.js'
import type { Authenticator } from '../transport/services.js'
import type { Accounts } from './accounts.js'
import type { Tokens } from './ports.js'
import type { Sessions } from './sessions.js'

/** One kind of token. */
export type TokenScheme = {
  /** Whether a token is of this kind, by its looks. */
  takes(token: string): boolean
  /** Who it proves. Throws UNAUTHORIZED. */
  identify(token: string, address: string): Caller | Promise<Caller>
}

/** Says who calls, by any kind of token: the first that takes it decides. */
export class Callers implements Authenticator {
  readonly #schemes: readonly TokenScheme[]
  readonly #accounts: Accounts
  readonly #events: Events

  constructor(options: { schemes: readonly TokenScheme[]; accounts: Accounts; events: Events }) {
    this.#schemes = options.schemes
    this.#accounts = options.accounts
    this.#events = options.events
  }

  async identify(token: string | undefined, address: string): Promise<Caller | OgentError> {
    if (token === undefined) return new OgentError('UNAUTHORIZED', 'Not authenticated')
    try {
      const scheme = this.#schemes.find((each) => each.takes(token))
      if (!scheme) throw new OgentError('UNAUTHORIZED', 'Could not validate credentials')
      return { ...(await scheme.identify(token, address)), address }
    } catch (error) {
      if (!(error instanceof OgentError)) throw error
      this.#events.publish({ type: 'token_refused', address })
      return error
    }
  }

  /** See `Accounts.watch`. */
  watch(identity: Caller, end: () => void): () => void {
    return this.#accounts.watch(identity, end)
  }
}

/** Tokens of logins: takes what no other kind does. */
export function loginTokens(tokens: Tokens, accounts: Accounts, sessions: Sessions): TokenScheme {
  return {
    takes: () => true,
    async identify(token, address) {
      const caller = accounts.confirm(await tokens.verify(token))
      sessions.seen(caller, address)
      return caller
    },
  }
}
