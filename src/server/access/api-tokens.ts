import { LRUCache } from 'lru-cache'
import { OgentError } from '../../shared/errors.js'
import type { Log } from '../telemetry/ports.js'
import type { Caller } from '../transport/caller.js'
import { type Accounts, hasRights, principalOf } from './accounts.js'
import { apiTokenId, isApiToken, looksLikeApiToken } from './api-token-text.js'
import type { TokenScheme } from './callers.js'
import { Mirror } from './mirror.js'
import type { RowChange, SharedRows, StoredToken, TokenUses } from './ports.js'

/** What is noted of a token's use is written at most so often, in ms. */
const NOTE_MS = 60_000
/** Tokens of which is known when that was; the one used longest ago goes first. */
const REMEMBERED = 20_000
/** How long a token that has ended is still listed, in ms. */
const LISTED_AFTER_MS = 7 * 24 * 3600 * 1000

export type ApiTokensOptions = {
  rows: SharedRows<StoredToken>
  uses: TokenUses
  accounts: Accounts
  log: Log
}

/** The API tokens in memory, and whom each of them proves. */
export class ApiTokens implements TokenScheme {
  readonly #options: ApiTokensOptions
  readonly #kept: Mirror<StoredToken>
  readonly #noted = new LRUCache<string, number>({ max: REMEMBERED })

  private constructor(options: ApiTokensOptions, kept: Mirror<StoredToken>) {
    this.#options = options
    this.#kept = kept
    const { accounts } = options
    accounts.addCheck((caller) => (caller.via === 'api_token' ? this.#holds(caller) : undefined))
    kept.onChange(() => accounts.check())
  }

  /** Rejects where the tokens cannot be read. Those that ended long ago are forgotten. */
  static async open(options: ApiTokensOptions): Promise<ApiTokens> {
    const { rows, log } = options
    const kept = await Mirror.open({ rows, what: 'API tokens', log })
    const tokens = new ApiTokens(options, kept)
    await tokens.removeWhere(({ expires_at }) => expires_at < Date.now() - LISTED_AFTER_MS)
    return tokens
  }

  takes(token: string): boolean {
    return looksLikeApiToken(token)
  }

  identify(token: string, address: string): Caller {
    const token_id = apiTokenId(token)
    if (token_id === undefined)
      throw new OgentError('UNAUTHORIZED', 'This API token is not whole: a part is missing or mistyped.')
    const row = this.#kept.rows.get(token_id)
    if (!row || !isApiToken(token, row.hash) || !this.#hasAncestors(row))
      throw new OgentError('UNAUTHORIZED', 'The API token is not known here, or was revoked.')
    if (row.expires_at <= Date.now()) throw new OgentError('UNAUTHORIZED', 'The API token has expired.')
    const owner = this.#options.accounts.byId(row.owner_id)
    if (!owner || owner.disabled_at !== null)
      throw new OgentError('UNAUTHORIZED', 'The account that owns the API token was removed or locked.')
    this.#note(token_id, address)
    return {
      ...principalOf(owner),
      via: 'api_token',
      session_id: token_id,
      expires_at: row.expires_at,
      ...(row.narrowed.length > 0 ? { narrowed: row.narrowed } : {}),
    }
  }

  find(token_id: string): StoredToken | undefined {
    return this.#kept.rows.get(token_id)
  }

  ownedBy(owner_id: string): StoredToken[] {
    return [...this.#kept.rows.values()].filter((token) => token.owner_id === owner_id)
  }

  change<T>(
    act: (rows: ReadonlyMap<string, StoredToken>) => { change: RowChange<StoredToken>; result: T },
  ): Promise<T> {
    return this.#kept.change(act)
  }

  /** Removes tokens, with those that were made by them; gives their ids. */
  async removeWhere(test: (token: StoredToken) => boolean): Promise<string[]> {
    const gone = await this.#kept.change((rows) => {
      const first = new Set([...rows.values()].filter(test).map(({ token_id }) => token_id))
      const remove = [...rows.values()]
        .filter(({ token_id, ancestors }) => first.has(token_id) || ancestors.some((id) => first.has(id)))
        .map(({ token_id }) => token_id)
      return { change: { remove }, result: remove }
    })
    if (gone.length > 0) this.#later(this.#options.uses.remove(gone))
    return gone
  }

  /** When and from where tokens were last used, of those that were. */
  uses(token_ids: readonly string[]): ReturnType<TokenUses['of']> {
    return this.#options.uses.of(token_ids)
  }

  close(): void {
    this.#kept.close()
  }

  #holds({ session_id, principal_id, roles }: Caller): boolean {
    const row = this.#kept.rows.get(session_id)
    if (!row || row.expires_at <= Date.now() || !this.#hasAncestors(row)) return false
    const owner = this.#options.accounts.byId(principal_id)
    return owner !== undefined && hasRights(owner, roles)
  }

  /** What a token has made ends with it. */
  #hasAncestors({ ancestors }: StoredToken): boolean {
    return ancestors.every((token_id) => this.#kept.rows.has(token_id))
  }

  #note(token_id: string, address: string): void {
    const now = Date.now()
    const last = this.#noted.get(token_id)
    if (last !== undefined && now - last < NOTE_MS) return
    this.#noted.set(token_id, now)
    this.#later(this.#options.uses.note(token_id, { at: now, address }))
  }

  #later(written: Promise<void>): void {
    written.catch((error) => this.#options.log.debug({ err: error }, 'the use of an API token was not noted'))
  }
}
