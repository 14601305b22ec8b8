import { randomBytes } from 'node:crypto'
import { z } from 'zod'
import {
  type CreatedJoinToken,
  type JoinToken,
  type JoinTokenParts,
  joinTokenSchema,
  joinTokenText,
  type ParsedJoinTokenRequest,
  parseJoinToken,
} from '../../../shared/access/join.js'
import { OgentError } from '../../../shared/errors.js'
import { newId } from '../../../shared/id.js'
import { hashOfSecret, isSecretOf } from './keys.js'
import type { EnrolmentRows } from './rows.js'

const rowSchema = joinTokenSchema.extend({ hash: z.string(), revoked_at: z.string().optional() })
export type JoinTokenRow = z.infer<typeof rowSchema>

/** A row, with the text of it that is in the store. */
export type HeldToken = { row: JoinTokenRow; text: string }

/** How long the same key may repeat its join, in ms: the reply may have been lost. */
export const REPEAT_MS = 10 * 60 * 1000
/** Uses that are kept besides those that may be repeated. */
const USES_KEPT = 100
/** Tokens that ended are forgotten after so long, in ms. */
const FORGET_MS = 7 * 24 * 3600 * 1000

export type JoinTokensOptions = {
  rows: EnrolmentRows
  /** The id of this installation. */
  installation: string
  /** SHA-256 of the certificate that machines are to trust at their first call; undefined without TLS. */
  pin: () => string | undefined
}

/** The tokens by which machines join, of which only hashes are kept. */
export class JoinTokens {
  readonly #options: JoinTokensOptions

  constructor(options: JoinTokensOptions) {
    this.#options = options
  }

  /** `onWritten` is called in the turn in which it is written. */
  async create(
    request: ParsedJoinTokenRequest,
    created_by: string,
    onWritten: (token: JoinToken) => void,
  ): Promise<CreatedJoinToken> {
    const { rows, installation, pin } = this.#options
    await this.#sweep()
    const secret = randomBytes(32).toString('base64url')
    const now = Date.now()
    const token: JoinToken = {
      token_id: newId(),
      uses: request.uses,
      used_count: 0,
      used: [],
      expires_at: new Date(now + request.expires_in_seconds * 1000).toISOString(),
      labels: request.labels,
      agent_id: request.agent_id ?? null,
      created_by,
      created_at: new Date(now).toISOString(),
    }
    const { token_id } = token
    const to = JSON.stringify({ ...token, hash: hashOfSecret(secret) } satisfies JoinTokenRow)
    await rows.swap([{ table: 'tokens', key: token_id, from: undefined, to }], () => onWritten(token))
    return { ...token, token: joinTokenText({ token_id, installation, secret, pin: pin() }) }
  }

  /** Those that can be used still, the newest first. */
  async list(): Promise<JoinToken[]> {
    const all = [...(await this.#options.rows.all('tokens')).values()].map(parseRow)
    const open = all.filter((row) => endOf(row) > Date.now() && !isUsedUp(row))
    return open.map(shown).sort((a, b) => (a.token_id < b.token_id ? 1 : -1))
  }

  async get(token_id: string): Promise<HeldToken | undefined> {
    const text = await this.#options.rows.get('tokens', token_id)
    return text === undefined ? undefined : { row: parseRow(text), text }
  }

  /** Revokes one. Throws NOT_FOUND. */
  async revoke(token_id: string, onWritten: () => void): Promise<void> {
    while (true) {
      const held = await this.get(token_id)
      if (!held || held.row.revoked_at !== undefined) throw noSuchToken(token_id)
      const to = JSON.stringify({ ...held.row, revoked_at: new Date().toISOString() })
      const change = { table: 'tokens', key: token_id, from: held.text, to } as const
      if (await this.#options.rows.swap([change], onWritten)) return
    }
  }

  /** The parts of a token that is of this installation and was not made up. Throws UNAUTHORIZED. */
  async prove(text: string): Promise<JoinTokenParts> {
    const parts = parseJoinToken(text)
    if (!parts) throw new OgentError('UNAUTHORIZED', 'This is no join token: those begin with ogj_.')
    if (parts.installation !== this.#options.installation) {
      throw new OgentError('UNAUTHORIZED', 'The join token is of another installation of Ogent.')
    }
    const held = await this.get(parts.token_id)
    if (!held || !isSecretOf(held.row.hash, parts.secret)) {
      throw new OgentError('UNAUTHORIZED', 'The join token is not known: it was revoked, or ended long ago.')
    }
    return parts
  }

  async #sweep(): Promise<void> {
    const { rows } = this.#options
    for (const [key, from] of await rows.all('tokens')) {
      if (endOf(parseRow(from)) + FORGET_MS > Date.now()) continue
      await rows.swap([{ table: 'tokens', key, from, to: undefined }])
    }
  }
}

/** The row after one more use. */
export function usedBy(row: JoinTokenRow, public_key: string, agent_id: string): JoinTokenRow {
  const now = Date.now()
  const kept = row.used.filter(({ at }, index) => index < USES_KEPT - 1 || Date.parse(at) + REPEAT_MS > now)
  const use = { public_key, agent_id, at: new Date(now).toISOString() }
  return { ...row, used_count: row.used_count + 1, used: [use, ...kept] }
}

/** Throws UNAUTHORIZED where a token has ended, TOKEN_EXHAUSTED where it is used up. */
export function checkUsable(row: JoinTokenRow): void {
  if (row.revoked_at !== undefined) throw new OgentError('UNAUTHORIZED', 'The join token was revoked.')
  if (endOf(row) <= Date.now()) {
    throw new OgentError('UNAUTHORIZED', `The join token has expired at ${row.expires_at}: make another one.`)
  }
  if (isUsedUp(row)) throw exhausted(row)
}

export function exhausted({ uses }: JoinTokenRow): OgentError {
  const times = uses === 1 ? 'once' : `${uses} times`
  return new OgentError(
    'TOKEN_EXHAUSTED',
    `The join token has been used, which it may be ${times}: make another one.`,
  )
}

export function noSuchToken(token_id: string): OgentError {
  return new OgentError('NOT_FOUND', `There is no join token ${token_id}.`)
}

function shown({ hash: _hash, revoked_at: _revoked, ...token }: JoinTokenRow): JoinToken {
  return { ...token, used: token.used.slice(0, USES_KEPT) }
}

function isUsedUp({ uses, used_count }: JoinTokenRow): boolean {
  return uses !== null && used_count >= uses
}

function endOf({ expires_at, revoked_at }: JoinTokenRow): number {
  return Math.min(
    Date.parse(expires_at),
    revoked_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(revoked_at),
  )
}

function parseRow(text: string): JoinTokenRow {
  return rowSchema.parse(JSON.parse(text))
}
