import {
  type ApiToken,
  type ApiTokenList,
  type ApiTokenQuery,
  type MadeApiToken,
  type ParsedNewToken,
  tokenLimits,
} from '../../shared/access/tokens.js'
import { OgentError } from '../../shared/errors.js'
import { newId } from '../../shared/id.js'
import type { Events } from '../events.js'
import type { Actor, Caller } from '../transport/caller.js'
import type { Policy } from '../transport/policy.js'
import type { Accounts } from './accounts.js'
import { makeApiToken } from './api-token-text.js'
import type { ApiTokens } from './api-tokens.js'
import { deed } from './deeds.js'
import type { StoredToken, StoredUser } from './ports.js'
import { assertMayTouch, unknownUser } from './whose.js'

export type TokenServiceOptions = { tokens: ApiTokens; accounts: Accounts; policy: Policy; events: Events }

/** What is done with API tokens, each call in the name of an actor: one's own, and with `tokens.manage` those of others. */
export class TokenService {
  readonly #options: TokenServiceOptions

  constructor(options: TokenServiceOptions) {
    this.#options = options
  }

  /** Throws FORBIDDEN, NOT_FOUND. */
  async list(actor: Actor, { owner }: ApiTokenQuery): Promise<ApiTokenList> {
    const user = this.#ownerFor(actor, owner)
    const owned = this.#options.tokens.ownedBy(user.user_id)
    const uses = await this.#options.tokens.uses(owned.map(({ token_id }) => token_id))
    const shown = owned
      .sort((a, b) => (a.token_id < b.token_id ? 1 : -1))
      .map((token) => toApiToken(token, user, uses.get(token.token_id)))
    return { tokens: shown }
  }

  /**
   * Makes a token, which may do no more than the caller: one made by a token is bound by the grants of both, ends with it, and
   * not later. Throws FORBIDDEN, NOT_FOUND, VALIDATION_FAILED, and RATE_LIMITED where the owner has too many.
   */
  async create(actor: Caller, request: ParsedNewToken): Promise<MadeApiToken> {
    const { tokens, accounts, policy, events } = this.#options
    const owner = this.#ownerFor(actor, request.owner)
    if (owner.user_id !== actor.principal_id) {
      if (owner.kind !== 'service')
        throw new OgentError(
          'FORBIDDEN',
          `${owner.username} is no service account, and makes its tokens itself.`,
        )
      assertMayTouch(policy, actor, owner)
    }
    const token_id = newId()
    const { token, hash } = makeApiToken(token_id)
    const made = await tokens.change((rows) => {
      const all = [...rows.values()].filter(({ owner_id }) => owner_id === owner.user_id)
      const ended = all.filter(({ expires_at }) => expires_at <= Date.now())
      if (all.length - ended.length >= tokenLimits.perOwner) throw tooMany(owner)
      // Another account by now, or none.
      if (!accounts.byId(owner.user_id)) throw unknownUser(owner.username)
      const row = newToken({ token_id, hash, owner, actor, request, rows })
      const remove = all.length >= tokenLimits.perOwner ? ended.map((each) => each.token_id) : []
      return { change: { put: [[token_id, row]], remove }, result: row }
    })
    const details = {
      name: made.name,
      owner: owner.username,
      narrowed: made.narrowed.length > 0,
      expires_at: timeOf(made.expires_at),
    }
    events.publish(deed(actor, 'tokens.create', `token:${token_id}`, details))
    return { ...toApiToken(made, owner, undefined), token }
  }

  /** Ends a token within a second, at every controller, with the tokens that it made. Throws NOT_FOUND, FORBIDDEN. */
  async revoke(actor: Actor, token_id: string): Promise<void> {
    const { tokens, accounts, events } = this.#options
    const token = tokens.find(token_id)
    this.#mayRevoke(actor, token, token_id)
    if (token_id === actor.session_id) accounts.answerFirst(actor)
    const gone = await tokens.removeWhere((each) => each.token_id === token_id)
    if (gone.length === 0) throw unknownToken(token_id)
    for (const id of gone) events.publish(deed(actor, 'tokens.revoke', `token:${id}`))
  }

  #mayRevoke(actor: Actor, token: StoredToken | undefined, token_id: string): asserts token is StoredToken {
    if (token?.owner_id !== actor.principal_id) {
      try {
        this.#options.policy.authorize(actor, 'tokens.manage')
      } catch (error) {
        // Not even whether there is one.
        if (error instanceof OgentError && error.code === 'FORBIDDEN') throw unknownToken(token_id)
        throw error
      }
      if (!token) throw unknownToken(token_id)
      return
    }
    if (actor.via !== 'api_token') return
    if (token.token_id === actor.session_id || token.ancestors.includes(actor.session_id)) return
    throw new OgentError('FORBIDDEN', 'An API token revokes itself and what was made by it, and no other.')
  }

  /** Whose tokens a call is about. Throws FORBIDDEN for those of others without `tokens.manage`, NOT_FOUND. */
  #ownerFor(actor: Actor, owner: string | undefined): StoredUser {
    const { accounts, policy } = this.#options
    const user = accounts.find(owner ?? '') ?? accounts.byId(owner ?? actor.principal_id)
    if (owner !== undefined && user?.user_id !== actor.principal_id) policy.authorize(actor, 'tokens.manage')
    if (!user) throw unknownUser(owner ?? actor.name)
    return user
  }
}

type NewToken = {
  token_id: string
  hash: string
  owner: StoredUser
  actor: Caller
  request: ParsedNewToken
  rows: ReadonlyMap<string, StoredToken>
}

function newToken({ token_id, hash, owner, actor, request, rows }: NewToken): StoredToken {
  const { name, grants, expires_in_seconds } = request
  const created_at = Date.now()
  const expires_at = created_at + expires_in_seconds * 1000
  const { ancestors, latest } = parentOf(actor, rows)
  if (ancestors.length > tokenLimits.depth) {
    const msg = `is made by a token that is made by a token: ${tokenLimits.depth} of them at most`
    throw new OgentError('VALIDATION_FAILED', `The token ${msg}.`, {
      issues: [{ loc: ['body'], msg, type: 'too_deep' }],
    })
  }
  return {
    token_id,
    name,
    owner_id: owner.user_id,
    hash,
    narrowed: [...(actor.narrowed ?? []), ...(grants ? [grants] : [])],
    grants: grants ?? null,
    ancestors,
    created_at,
    expires_at: Math.min(expires_at, latest),
  }
}

/** What a token that is made by a token inherits. Throws UNAUTHORIZED where that one was revoked meanwhile. */
function parentOf(
  actor: Caller,
  rows: ReadonlyMap<string, StoredToken>,
): { ancestors: string[]; latest: number } {
  if (actor.via !== 'api_token') return { ancestors: [], latest: Number.POSITIVE_INFINITY }
  const parent = rows.get(actor.session_id)
  if (!parent) throw new OgentError('UNAUTHORIZED', 'The API token is not known here, or was revoked.')
  return { ancestors: [...parent.ancestors, parent.token_id], latest: parent.expires_at }
}

function toApiToken(
  { token_id, name, grants, ancestors, ...token }: StoredToken,
  { user_id, username }: StoredUser,
  used: { at: number; address: string } | undefined,
): ApiToken {
  return {
    token_id,
    name,
    owner: user_id,
    owner_name: username,
    parent_id: ancestors.at(-1) ?? null,
    created_at: timeOf(token.created_at),
    expires_at: timeOf(token.expires_at),
    last_used_at: used ? timeOf(used.at) : null,
    last_used_from: used?.address ?? null,
    grants,
  }
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString()
}

function unknownToken(token_id: string): OgentError {
  return new OgentError('NOT_FOUND', `There is no API token ${token_id}.`)
}

function tooMany({ username }: StoredUser): OgentError {
  const sentence = `${username} has ${tokenLimits.perOwner} API tokens, which is the limit: revoke some.`
  return new OgentError('RATE_LIMITED', sentence)
}
