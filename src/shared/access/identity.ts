import * as z from 'zod'
import { isPrintable } from '../printable.js'

/** `admin` may do everything; `operator` runs commands; `viewer` reads; `agent` holds a link. */
export const roleSchema = z.enum(['admin', 'operator', 'viewer', 'agent'])
/** What an account may do: see `roleSchema`. */
export type Role = z.infer<typeof roleSchema>

const identityFields = {
  /** The name of the account. */
  username: z.string().describe('The name of the account.'),
  /** The highest built-in role of the account; where it has none, the first of its roles, and `none` without any. */
  role: z
    .string()
    .describe(
      'The highest built-in role of the account; where it has none, the first of its roles, and `none` without any.',
    ),
}
/** The schema of `Identity`. */
export const identitySchema = z.object(identityFields)
/** Who a caller is. */
export interface Identity extends z.infer<z.ZodObject<typeof identityFields>> {}

const callerFields = {
  ...identityFields,
  /** The id of the account. */
  user_id: z.string().describe('The id of the account.'),
  /** All roles that the account has itself; those that a policy binds to it are not among them. */
  roles: z
    .array(z.string())
    .describe('All roles that the account has itself, without those that a policy binds to it.'),
  /** By what the caller proved who it is. */
  via: z
    .enum(['password', 'oidc', 'api_token', 'capability', 'agent_key'])
    .describe('By what the caller proved who it is.'),
  /** The id of the login, or of the API token. */
  session_id: z.string().describe('The id of the login, or of the API token.'),
  /** When the token ends, as an RFC 3339 time. */
  expires_at: z.string().describe('When the token ends, as an RFC 3339 time.'),
}
/** The schema of `CallerIdentity`. */
export const callerIdentitySchema = z.object(callerFields)
/** Who a caller is, by which login, and until when. */
export interface CallerIdentity extends z.infer<z.ZodObject<typeof callerFields>> {}

/** The longest name that a new account may have, in letters. */
const NAME_LETTERS = 64

const NAME = `takes 1 to ${NAME_LETTERS} letters, without control characters and without a blank at either end`

/** The name of a new account. Logins take longer ones, since an account may be older than this rule. */
export const usernameSchema = z
  .string(NAME)
  .refine(
    (name) => name !== '' && [...name].length <= NAME_LETTERS && isPrintable(name) && name.trim() === name,
    NAME,
  )

const loginFields = {
  /** The name of the account, 1 to 256 characters. */
  username: z.string().min(1).max(256).describe('The name of the account, 1 to 256 characters.'),
  /** Its password, 1 to 1024 characters. */
  password: z.string().min(1).max(1024).describe('Its password, 1 to 1024 characters.'),
}
/** The schema of `LoginRequest`. */
export const loginSchema = z.object(loginFields)

/** The form of OAuth2's password flow, with the fields that its clients send besides: none of them means anything here. */
export const loginFormSchema = loginSchema.extend({
  grant_type: z.literal('password').optional().describe('As OAuth2 has it.'),
  scope: z.string().optional().describe('Has no meaning here: a token has all rights of its account.'),
  client_id: z.string().optional().describe('Has no meaning here.'),
  client_secret: z.string().optional().describe('Has no meaning here.'),
})

/** What an account logs in with. */
export interface LoginRequest extends z.infer<z.ZodObject<typeof loginFields>> {}

const tokenReplyFields = {
  /** The token, a JWT. */
  access_token: z.string().describe('The token, a JWT.'),
  /** How the token is sent: `Authorization: Bearer …`. */
  token_type: z.literal('bearer').describe('How the token is sent: `Authorization: Bearer …`.'),
  /** How long the token lives, in seconds, as OAuth2 has it. */
  expires_in: z.number().int().describe('How long the token lives, in seconds, as OAuth2 has it.'),
}
/** The schema of `TokenReply`. */
export const tokenReplySchema = z.object(tokenReplyFields)
/** What a login is answered with. */
export interface TokenReply extends z.infer<z.ZodObject<typeof tokenReplyFields>> {}
