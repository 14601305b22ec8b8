import type { ApiTokenList, ApiTokenQuery, MadeApiToken, NewApiToken } from '../../shared/access/tokens.js'
import type { Connection } from '../connection.js'
import type { CallOptions } from '../options.js'

/** What a client does with API tokens: its own, and with `tokens.manage` those of others. */
export interface TokenMethods {
  /** The tokens of one account, the newest first. Throws FORBIDDEN, NOT_FOUND. */
  list(query?: ApiTokenQuery, options?: CallOptions): Promise<ApiTokenList>
  /**
   * Makes a token, whose text is in the reply and nowhere else. It may do what its grants say, within what its owner may do at
   * that time. Throws FORBIDDEN, NOT_FOUND, VALIDATION_FAILED, RATE_LIMITED.
   */
  create(token: NewApiToken, options?: CallOptions): Promise<MadeApiToken>
  /** Ends a token, with what it holds open and the tokens that it made. Throws NOT_FOUND. */
  revoke(token_id: string, options?: CallOptions): Promise<void>
}

export function tokenMethods({ trpc, call }: Connection): TokenMethods {
  const { tokens } = trpc
  return {
    list: (query, options) => call((each) => tokens.list.query(query, each), options),
    create: (token, options) => call((each) => tokens.create.mutate(token, each), options),
    revoke: (token_id, options) => call((each) => tokens.revoke.mutate({ token_id }, each), options),
  }
}
