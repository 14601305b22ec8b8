import * as z from 'zod'
import { isPrintable } from '../printable.js'
import { type Grant, type GrantInput, grantSchema } from './policy.js'

/** API tokens: what programs send instead of a login, for as long as they live. */

const DAY_SECONDS = 24 * 3600

/** The bounds of API tokens. */
export const tokenLimits = {
  /** Tokens of one account. */
  perOwner: 1000,
  /** Grants of one token. */
  grants: 64,
  /** Tokens that are made by a token that is made by a token… */
  depth: 8,
  /** How long one lives, in seconds: where nothing is said, at most, and at least. */
  defaultSeconds: 90 * DAY_SECONDS,
  mostSeconds: 365 * DAY_SECONDS,
  leastSeconds: 60,
} as const

const NAME = 'takes 1 to 64 letters, without control characters and without a blank at either end'
const OWNER = 'the name or the id of an account'

const newTokenFields = {
  /** What it is for: 1 to 64 letters. */
  name: z
    .string(NAME)
    .refine(
      (name) => name !== '' && [...name].length <= 64 && isPrintable(name) && name.trim() === name,
      NAME,
    )
    .describe('What it is for: 1 to 64 letters.'),
  /** What it may do, within what its owner may do at that time; all of that. 64 at most. */
  grants: z
    .array(grantSchema)
    .min(1)
    .max(tokenLimits.grants)
    .optional()
    .describe('What it may do, within what its owner may do at that time; all of that. 64 at most.'),
  /** How long it lives, in seconds, 60 to 31536000 (365 days); 7776000 (90 days). */
  expires_in_seconds: z
    .number()
    .int()
    .min(tokenLimits.leastSeconds)
    .max(tokenLimits.mostSeconds)
    .default(tokenLimits.defaultSeconds)
    .describe('How long it lives, in seconds, 60 to 31536000 (365 days); 7776000 (90 days).'),
  /** The service account that owns it, by name or id, which takes `tokens.manage`; the caller. */
  owner: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe('The service account that owns it, by name or id, which takes `tokens.manage`; the caller.'),
}
/** The schema of `NewApiToken`. */
export const newTokenSchema = z.object(newTokenFields)
/** An API token to be made. */
export interface NewApiToken extends Omit<z.input<z.ZodObject<typeof newTokenFields>>, 'grants'> {
  /** What it may do, within what its owner may do at that time; all of that. 64 at most. */
  grants?: GrantInput[] | undefined
}
/** The same with its defaults. */
export type ParsedNewToken = z.output<typeof newTokenSchema>

/** The schema of a query for tokens. */
export const tokenQuerySchema = z.object({
  owner: z.string().min(1).max(256).optional().describe(`${OWNER}: with \`tokens.manage\` any; the caller`),
})
/** Whose tokens are listed. */
export interface ApiTokenQuery {
  /** The name or the id of an account: with `tokens.manage` any; the caller. */
  owner?: string | undefined
}

/** Which token a call is about. */
export const tokenCallSchema = z.object({
  token_id: z.string().min(1).max(64).describe('The id of the token.'),
})
/** The same in a path: an id that cannot be is unknown like any other. */
export const tokenParams = z.object({ token_id: z.string().describe('The id of the token.') })

const tokenFields = {
  /** Its id, a ULID: a part of the token, and no secret. */
  token_id: z.string().describe('Its id, a ULID: a part of the token, and no secret.'),
  /** What it is for. */
  name: z.string().describe('What it is for.'),
  /** The id of the account that owns it. */
  owner: z.string().describe('The id of the account that owns it.'),
  /** The name of that account. */
  owner_name: z.string().describe('The name of that account.'),
  /** The token that it was made with, which ends it; null where it was made by a login. */
  parent_id: z
    .string()
    .nullable()
    .describe('The token that it was made with, which ends it; null where it was made by a login.'),
  /** When it was made, as an RFC 3339 time. */
  created_at: z.string().describe('When it was made, as an RFC 3339 time.'),
  /** When it ends, as an RFC 3339 time. */
  expires_at: z.string().describe('When it ends, as an RFC 3339 time.'),
  /** When it was last used, as an RFC 3339 time, to the minute; null where it never was. */
  last_used_at: z
    .string()
    .nullable()
    .describe('When it was last used, as an RFC 3339 time, to the minute; null where it never was.'),
  /** The IP address that it was then used from; null where it never was. */
  last_used_from: z
    .string()
    .nullable()
    .describe('The IP address that it was then used from; null where it never was.'),
}
const GRANTS = 'What it may do, within what its owner may do; null: all of that.'
/** Grants as they are kept: a selector in them is a tree by now. */
const keptGrantsSchema = z.array(z.record(z.string(), z.unknown())).nullable().describe(GRANTS)

/** The schema of `ApiToken`. */
export const apiTokenSchema = z.object({ ...tokenFields, grants: keptGrantsSchema })
/** An API token, without what is secret of it. */
export interface ApiToken extends z.infer<z.ZodObject<typeof tokenFields>> {
  /** What it may do, within what its owner may do; null: all of that. */
  grants: Grant[] | null
}

/** The schema of `MadeApiToken`. */
export const madeTokenSchema = apiTokenSchema.extend({
  token: z.string().describe('The token itself, which is shown this once and kept nowhere.'),
})
/** An API token that was just made. */
export interface MadeApiToken extends ApiToken {
  /** The token itself, which is shown this once and kept nowhere. */
  token: string
}

/** The schema of `ApiTokenList`. */
export const apiTokenListSchema = z.object({
  tokens: z.array(apiTokenSchema).describe('The tokens of one account, the newest first.'),
})
/** The tokens of one account. */
export interface ApiTokenList {
  /** The tokens of one account, the newest first. */
  tokens: ApiToken[]
}
