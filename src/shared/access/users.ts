import * as z from 'zod'
import { usernameSchema } from './identity.js'
import { roleNameSchema } from './policy.js'

/** The accounts of a controller, and the logins that are open in their names. */

/** Roles that one account may have. */
const MAX_ROLES = 32

const rolesSchema = z
  .array(roleNameSchema)
  .max(MAX_ROLES)
  .transform((roles) => [...new Set(roles)])
const passwordSchema = z.string().min(1).max(1024)
const knownNameSchema = z.string().min(1).max(256).describe('The name of the account.')

/** Whether a person or a program logs in by an account. */
export const accountKindSchema = z.enum(['user', 'service'])
/** `user`: a person or a program with a password; `service`: it has none and cannot log in, but own API tokens. */
export type AccountKind = z.infer<typeof accountKindSchema>

const userFields = {
  /** The id of the account, a ULID; never given again, also not to an account of the same name. */
  user_id: z
    .string()
    .describe('The id of the account, a ULID; never given again, also not to an account of the same name.'),
  /** The name of the account. */
  username: z.string().describe('The name of the account.'),
  /** `user` has a password; `service` has none and cannot log in, but own API tokens. */
  kind: accountKindSchema.describe(
    '`user` has a password; `service` has none and cannot log in, but own API tokens.',
  ),
  /** Its roles: built-in ones, and roles of the policy. */
  roles: z.array(z.string()).describe('Its roles: built-in ones, and roles of the policy.'),
  /** Since when it is locked, as an RFC 3339 time; null where it is not. */
  disabled_at: z
    .string()
    .nullable()
    .describe('Since when it is locked, as an RFC 3339 time; null where it is not.'),
  /** Counts what ended its logins: changes of roles and password, locks, and ends of all sessions. */
  generation: z
    .number()
    .int()
    .describe(
      'Counts what ended its logins: changes of roles and password, locks, and ends of all sessions.',
    ),
  /** When it was made, as an RFC 3339 time; null where that is not known. */
  created_at: z
    .string()
    .nullable()
    .describe('When it was made, as an RFC 3339 time; null where that is not known.'),
  /** When it logged in last, as an RFC 3339 time, to the minute; null where it never did. */
  last_login_at: z
    .string()
    .nullable()
    .describe('When it logged in last, as an RFC 3339 time, to the minute; null where it never did.'),
  /** Whether it comes with the settings of the controller, so that it cannot be changed here. */
  temporary: z
    .boolean()
    .describe('Whether it comes with the settings of the controller, so that it cannot be changed here.'),
}
/** The schema of `User`. */
export const userSchema = z.object(userFields)
/** An account. */
export interface User extends z.infer<z.ZodObject<typeof userFields>> {}

const userQueryFields = {
  /** Accounts in a page, 1 to 200; 100. */
  limit: z.coerce
    .number<string | number>()
    .int()
    .min(1)
    .max(200)
    .default(100)
    .describe('Accounts in a page, 1 to 200; 100.'),
  /** The `next_cursor` of the page before; the first page. */
  cursor: z.string().max(256).optional().describe('`next_cursor` of the page before'),
}
/** The schema of `UserQuery`. */
export const userQuerySchema = z.object(userQueryFields)
/** Which accounts a page lists. */
export interface UserQuery extends z.input<z.ZodObject<typeof userQueryFields>> {
  /** Accounts in a page, 1 to 200; 100. */
  limit?: number
}
/** The same with its defaults. */
export type ParsedUserQuery = z.output<typeof userQuerySchema>

const userPageFields = {
  /** The accounts, in the order of their names. */
  users: z.array(userSchema).describe('The accounts, in the order of their names.'),
  /** The `cursor` of the next page; null on the last. */
  next_cursor: z.string().nullable().describe('The `cursor` of the next page; null on the last.'),
}
/** The schema of `UserPage`. */
export const userPageSchema = z.object(userPageFields)
/** A page of accounts. */
export interface UserPage extends z.infer<z.ZodObject<typeof userPageFields>> {
  /** The accounts, in the order of their names. */
  users: User[]
}

const newUserFields = {
  /** Its name: 1 to 64 letters, without control characters and without a blank at either end. */
  username: usernameSchema
    .refine((name) => name !== 'me', 'is taken: `/users/me` is the caller')
    .describe('Its name: 1 to 64 letters, without control characters and without a blank at either end.'),
  /** Its password, 12 to 1024 characters unless its only role is `agent`; none for a service account. */
  password: passwordSchema
    .optional()
    .describe(
      'Its password, 12 to 1024 characters unless its only role is `agent`; none for a service account.',
    ),
  /** Its roles, 32 at most; none of them may allow more than the caller may do. */
  roles: rolesSchema.describe('Its roles, 32 at most; none of them may allow more than the caller may do.'),
  /** What kind of account it is; user. */
  kind: accountKindSchema.default('user').describe('What kind of account it is; user.'),
}
/** The schema of `NewUser`. */
export const newUserSchema = z.object(newUserFields).superRefine(({ kind, password }, { addIssue }) => {
  if (kind === 'user' && password === undefined)
    addIssue({ code: 'custom', path: ['password'], message: 'is missing' })
  if (kind === 'service' && password !== undefined)
    addIssue({ code: 'custom', path: ['password'], message: 'is not for a service account, which has none' })
})
/** An account to be made. */
export interface NewUser extends z.input<z.ZodObject<typeof newUserFields>> {}
/** The same with its defaults. */
export type ParsedNewUser = z.output<typeof newUserSchema>

const userChangeFields = {
  /** Its roles from now on, 32 at most; as they are. */
  roles: rolesSchema.optional().describe('Its roles from now on, 32 at most; as they are.'),
  /** Whether it is locked; as it is. */
  disabled: z.boolean().optional().describe('Whether it is locked; as it is.'),
}
const NO_CHANGE = 'takes roles, disabled, or both'
const changes = ({ roles, disabled }: { roles?: unknown; disabled?: unknown }) =>
  roles !== undefined || disabled !== undefined
/** The schema of `UserChange`. */
export const userChangeSchema = z.object(userChangeFields).refine(changes, NO_CHANGE)
/** What changes of an account. */
export interface UserChange extends z.input<z.ZodObject<typeof userChangeFields>> {}
/** With the account that it is about. */
export const userChangeCallSchema = z
  .object({ username: knownNameSchema, ...userChangeFields })
  .refine(changes, NO_CHANGE)
export type ParsedUserChange = z.output<typeof userChangeCallSchema>

const passwordChangeFields = {
  /** The new password, 12 to 1024 characters unless the only role of the account is `agent`. */
  password: passwordSchema.describe(
    'The new password, 12 to 1024 characters unless the only role of the account is `agent`.',
  ),
  /** The password until now: needed for one's own account. */
  current_password: passwordSchema
    .optional()
    .describe("The password until now: needed for one's own account."),
}
/** The schema of `PasswordChange`. */
export const passwordChangeSchema = z.object(passwordChangeFields)
/** A new password. */
export interface PasswordChange extends z.infer<z.ZodObject<typeof passwordChangeFields>> {}
/** With the account that it is about. */
export const passwordChangeCallSchema = z.object({ username: knownNameSchema, ...passwordChangeFields })
export type ParsedPasswordChange = z.output<typeof passwordChangeCallSchema>

/** Which account a call is about. */
export const userCallSchema = z.object({ username: knownNameSchema })
/** Which login of an account a call is about. */
export const sessionCallSchema = userCallSchema.extend({
  session_id: z.string().min(1).max(64).describe('The id of the login.'),
})

/** The same in a path: a name that cannot be is unknown like any other. */
export const userParams = z.object({ username: z.string().describe('The name of the account.') })
export const sessionParams = userParams.extend({
  session_id: z.string().describe('The id of the login.'),
})

const userSessionFields = {
  /** The id of the login. */
  session_id: z.string().describe('The id of the login.'),
  /** When it was made, as an RFC 3339 time. */
  created_at: z.string().describe('When it was made, as an RFC 3339 time.'),
  /** When it was last used for a request or a connection, as an RFC 3339 time, to the minute. */
  last_seen_at: z
    .string()
    .describe('When it was last used for a request or a connection, as an RFC 3339 time, to the minute.'),
  /** When its token ends, as an RFC 3339 time. */
  expires_at: z.string().describe('When its token ends, as an RFC 3339 time.'),
  /** The IP address that it was last used from. */
  address: z.string().describe('The IP address that it was last used from.'),
  /** By what the caller proved who it is. */
  via: z.enum(['password', 'oidc']).describe('By what the caller proved who it is.'),
  /** Whether it is the one that asks. */
  current: z.boolean().describe('Whether it is the one that asks.'),
}
export const userSessionSchema = z.object(userSessionFields)
/** A login of an account. */
export interface UserSession extends z.infer<z.ZodObject<typeof userSessionFields>> {}

const userSessionsFields = {
  /** The logins whose tokens have not ended, the newest first, 1,000 at most. */
  sessions: z
    .array(userSessionSchema)
    .describe('The logins whose tokens have not ended, the newest first, 1,000 at most.'),
}
/** The schema of `UserSessions`. */
export const userSessionsSchema = z.object(userSessionsFields)
/** The logins of an account. */
export interface UserSessions {
  /** The logins whose tokens have not ended, the newest first, 1,000 at most. */
  sessions: UserSession[]
}
