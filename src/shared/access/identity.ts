import * as z from 'zod'
import { isPrintable } from '../printable.js'

/** `admin` may do everything; `operator` runs commands; `viewer` reads; `agent` holds a link. */
export const roleSchema = z.enum(['admin', 'operator', 'viewer', 'agent'])
export type Role = z.infer<typeof roleSchema>

export const identitySchema = z.object({ username: z.string(), role: roleSchema })
export type Identity = z.infer<typeof identitySchema>

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

export const loginSchema = z.object({
  username: z.string().min(1).max(256),
  password: z.string().min(1).max(1024),
})
export type LoginRequest = z.infer<typeof loginSchema>

/** `expires_in` is in seconds, as OAuth2 has it. */
export const tokenReplySchema = z.object({
  access_token: z.string(),
  token_type: z.literal('bearer'),
  expires_in: z.number().int(),
})
export type TokenReply = z.infer<typeof tokenReplySchema>
