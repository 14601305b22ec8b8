import type {
  NewUser,
  PasswordChange,
  User,
  UserChange,
  UserPage,
  UserQuery,
  UserSessions,
} from '../../shared/access/users.js'
import type { Connection } from '../connection.js'
import type { CallOptions } from '../options.js'

/** The logins of accounts: one's own, and with `users.manage` those of any account. */
export interface UserSessionMethods {
  /** The logins of an account whose tokens have not ended, the newest 1,000. Throws NOT_FOUND. */
  list(username: string, options?: CallOptions): Promise<UserSessions>
  /** Ends one login of an account, with what it holds open. Throws NOT_FOUND. */
  end(username: string, session_id: string, options?: CallOptions): Promise<void>
  /** Ends all logins of an account; its API tokens go on. Throws NOT_FOUND. */
  endAll(username: string, options?: CallOptions): Promise<void>
}

/** What a client does with accounts: it takes `users.manage`, which an admin has. All throw FORBIDDEN. */
export interface UserMethods {
  /** A page of the accounts, in the order of their names. */
  list(query?: UserQuery, options?: CallOptions): Promise<UserPage>
  /** One account. Throws NOT_FOUND. */
  get(username: string, options?: CallOptions): Promise<User>
  /** Makes an account. Throws USER_EXISTS, VALIDATION_FAILED. */
  create(user: NewUser, options?: CallOptions): Promise<User>
  /** Changes roles, locks, unlocks: the logins of the account end. Throws NOT_FOUND, VALIDATION_FAILED. */
  update(username: string, change: UserChange, options?: CallOptions): Promise<User>
  /** Removes an account, with its logins and API tokens. Throws NOT_FOUND, VALIDATION_FAILED. */
  remove(username: string, options?: CallOptions): Promise<void>
  /**
   * Gives an account another password, which ends its logins. Every account may do that for itself with `current_password`.
   * Throws NOT_FOUND, VALIDATION_FAILED, RATE_LIMITED.
   */
  setPassword(username: string, change: PasswordChange, options?: CallOptions): Promise<void>
  /** The logins of accounts. */
  sessions: UserSessionMethods
}

export function userMethods({ trpc, call }: Connection): UserMethods {
  const { users } = trpc
  return {
    list: (query, options) => call((each) => users.list.query(query, each), options),
    get: (username, options) => call((each) => users.get.query({ username }, each), options),
    create: (user, options) => call((each) => users.create.mutate(user, each), options),
    update: (username, change, options) =>
      call((each) => users.update.mutate({ username, ...change }, each), options),
    remove: (username, options) => call((each) => users.remove.mutate({ username }, each), options),
    setPassword: (username, change, options) =>
      call((each) => users.password.mutate({ username, ...change }, each), options),
    sessions: {
      list: (username, options) => call((each) => users.sessions.list.query({ username }, each), options),
      end: (username, session_id, options) =>
        call((each) => users.sessions.end.mutate({ username, session_id }, each), options),
      endAll: (username, options) =>
        call((each) => users.sessions.endAll.mutate({ username }, each), options),
    },
  }
}
