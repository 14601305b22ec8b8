import {
  newUserSchema,
  passwordChangeCallSchema,
  sessionCallSchema,
  sessionParams,
  userCallSchema,
  userChangeCallSchema,
  userParams,
  userQuerySchema,
} from '../../shared/access/users.js'
import { derived, json, mutation, query } from '../transport/operation.js'
import type { UserSessionService } from './user-sessions.js'
import type { UserService } from './users.js'

export type UserServices = { users: UserService; userSessions: UserSessionService }

const STORE_ERRORS = ['RATE_LIMITED', 'UNAVAILABLE'] as const

export function userOperations({ users }: UserServices) {
  return {
    /** The accounts, in the order of their names. */
    list: query({
      access: 'users.manage',
      input: userQuerySchema.optional(),
      run: ({ input, caller }) => users.list(caller(), input ?? userQuerySchema.parse({})),
      http: derived({
        method: 'GET',
        path: '/users',
        id: 'listUsers',
        tag: 'users',
        summary: 'List the accounts',
        query: userQuerySchema,
        replies: { 200: { description: 'A page of them.', content: json('UserPage') } },
        errors: STORE_ERRORS,
      }),
    }),

    /** Makes an account. Throws USER_EXISTS. */
    create: mutation({
      access: 'users.manage',
      input: newUserSchema,
      run: ({ input, caller }) => users.create(caller(), input),
      http: derived({
        method: 'POST',
        path: '/users',
        id: 'createUser',
        tag: 'users',
        summary: 'Make an account',
        description: 'None of its roles may allow more than the caller may do.',
        body: { schema: 'NewUser', type: 'application/json' },
        replies: { 201: { description: 'The account.', content: json('User') } },
        errors: ['USER_EXISTS', ...STORE_ERRORS],
      }),
    }),

    ...oneUserOperations(users),
    ...changeOperations(users),
  }
}

function oneUserOperations(users: UserService) {
  return {
    /** One account. Throws NOT_FOUND. */
    get: query({
      access: 'users.manage',
      input: userCallSchema,
      run: ({ input, caller }) => users.get(caller(), input.username),
      http: derived({
        method: 'GET',
        path: '/users/{username}',
        id: 'getUser',
        tag: 'users',
        summary: 'Show an account',
        params: userParams,
        replies: { 200: { description: 'The account.', content: json('User') } },
        errors: ['NOT_FOUND', ...STORE_ERRORS],
      }),
    }),
  }
}

function changeOperations(users: UserService) {
  return {
    /** Changes roles, locks, unlocks. Throws NOT_FOUND. */
    update: mutation({
      access: 'users.manage',
      input: userChangeCallSchema,
      run: ({ input, caller }) => users.update(caller(), input),
      http: derived({
        method: 'PATCH',
        path: '/users/{username}',
        id: 'updateUser',
        tag: 'users',
        summary: 'Change the roles of an account, lock it or unlock it',
        description:
          'Its logins end within a second, with what they hold open; so do its API tokens while it is locked.',
        params: userParams,
        body: { schema: 'UserChange', type: 'application/json' },
        replies: { 200: { description: 'The account as it is now.', content: json('User') } },
        errors: ['NOT_FOUND', ...STORE_ERRORS],
      }),
    }),

    /** Removes an account. Throws NOT_FOUND. */
    remove: mutation({
      access: 'users.manage',
      input: userCallSchema,
      run: ({ input, caller }) => users.remove(caller(), input.username),
      http: derived({
        method: 'DELETE',
        path: '/users/{username}',
        id: 'removeUser',
        tag: 'users',
        summary: 'Remove an account',
        description:
          'Its logins and API tokens end with it. Another account of that name is another account.',
        params: userParams,
        replies: { 204: { description: 'It is removed.' } },
        errors: ['NOT_FOUND', ...STORE_ERRORS],
      }),
    }),

    /** Gives an account another password: one's own with the one until now. Throws NOT_FOUND. */
    password: mutation({
      access: 'any',
      input: passwordChangeCallSchema,
      run: ({ input, caller, address, signal }) => users.setPassword(caller(), input, address, signal),
      http: derived({
        method: 'PUT',
        path: '/users/{username}/password',
        id: 'setPassword',
        tag: 'users',
        summary: 'Change the password of an account',
        description:
          "One's own takes `current_password`; that of another account takes `users.manage`. The logins of the account end, its API tokens do not.",
        params: userParams,
        body: { schema: 'PasswordChange', type: 'application/json' },
        replies: { 204: { description: 'It is changed.' } },
        errors: ['FORBIDDEN', 'NOT_FOUND', ...STORE_ERRORS],
      }),
    }),
  }
}

export function userSessionOperations({ userSessions }: UserServices) {
  return {
    /** The logins of an account. Throws NOT_FOUND. */
    list: query({
      access: 'any',
      input: userCallSchema,
      run: ({ input, caller }) => userSessions.list(caller(), input.username),
      http: derived({
        method: 'GET',
        path: '/users/{username}/sessions',
        id: 'listSessions',
        tag: 'users',
        summary: 'List the logins of an account',
        description: "One's own, and with `users.manage` those of any account.",
        params: userParams,
        replies: { 200: { description: 'The newest 1,000 of them.', content: json('UserSessions') } },
        errors: ['FORBIDDEN', 'NOT_FOUND', ...STORE_ERRORS],
      }),
    }),

    /** Ends all of them. Throws NOT_FOUND. */
    endAll: mutation({
      access: 'any',
      input: userCallSchema,
      run: ({ input, caller }) => userSessions.endAll(caller(), input.username),
      http: derived({
        method: 'DELETE',
        path: '/users/{username}/sessions',
        id: 'endSessions',
        tag: 'users',
        summary: 'End all logins of an account',
        description: 'Its API tokens go on: those are revoked one by one.',
        params: userParams,
        replies: { 204: { description: 'They are ended.' } },
        errors: ['FORBIDDEN', 'NOT_FOUND', ...STORE_ERRORS],
      }),
    }),

    /** Ends one of them. Throws NOT_FOUND. */
    end: mutation({
      access: 'any',
      input: sessionCallSchema,
      run: ({ input, caller }) => userSessions.end(caller(), input.username, input.session_id),
      http: derived({
        method: 'DELETE',
        path: '/users/{username}/sessions/{session_id}',
        id: 'endSession',
        tag: 'users',
        summary: 'End one login of an account',
        params: sessionParams,
        replies: { 204: { description: 'It is ended.' } },
        errors: ['FORBIDDEN', 'NOT_FOUND', ...STORE_ERRORS],
      }),
    }),
  }
}
