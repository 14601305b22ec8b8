import type { CreatedJoinToken, JoinToken, JoinTokenRequest } from '../../shared/access/join.js'
import type { Connection } from '../connection.js'
import type { CallOptions } from '../options.js'

/** What a client does with join tokens, by which machines join. All of it takes the role admin. */
export interface JoinTokenMethods {
  /** The join tokens that can be used still, the newest first, without their secrets. */
  list(options?: CallOptions): Promise<JoinToken[]>
  /** Makes a join token, for one machine and an hour unless it says otherwise. The token is in the reply alone. */
  create(request?: JoinTokenRequest, options?: CallOptions): Promise<CreatedJoinToken>
  /** Revokes a join token; agents that have joined by it stay. Throws NOT_FOUND. */
  revoke(token_id: string, options?: CallOptions): Promise<void>
}

export function joinTokenMethods({ trpc: { joinTokens }, call }: Connection): JoinTokenMethods {
  return {
    list: (options) => call((each) => joinTokens.list.query(undefined, each), options),
    create: (request = {}, options) => call((each) => joinTokens.create.mutate(request, each), options),
    revoke: (token_id, options) => call((each) => joinTokens.revoke.mutate({ token_id }, each), options),
  }
}
