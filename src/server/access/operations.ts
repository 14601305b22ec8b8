import { loginSchema } from '../../shared/access/identity.js'
import { toCallerIdentity } from '../transport/caller.js'
import { derived, json, mutation, plainQuery, route } from '../transport/operation.js'
import type { Login } from './login.js'

/** Bytes of a login. */
const LOGIN_BYTES = 4 * 1024

export function accessOperations({ login }: { login: Login }) {
  return {
    /** A bearer token for a name and password. Throws UNAUTHORIZED. */
    login: mutation({
      access: 'open',
      input: loginSchema,
      run: ({ input, address, signal }) => login.login(input, address, signal),
      routes: [loginRoute(login)],
    }),

    /** Who the caller is. */
    me: plainQuery({
      access: 'any',
      run: ({ caller }) => toCallerIdentity(caller()),
      http: derived({
        method: 'GET',
        path: '/users/me',
        id: 'me',
        tag: 'login',
        summary: 'Tell whose token this is',
        replies: {
          200: { description: 'The account, the login and its end.', content: json('Identity') },
        },
        errors: ['RATE_LIMITED'],
      }),
    }),
  }
}

/** Apart from `login`: the connection has proven who calls once it has the token. */
function loginRoute(login: Login) {
  return route({
    method: 'POST',
    path: '/token',
    id: 'login',
    tag: 'login',
    summary: 'Take a token for a name and password',
    description:
      'The password flow of OAuth2. After too many wrong passwords it has to wait: see `Retry-After`.',
    body: { schema: 'Credentials', type: 'application/x-www-form-urlencoded', limit: LOGIN_BYTES },
    replies: { 200: { description: 'A bearer token.', content: json('Token') } },
    errors: ['UNAUTHORIZED', 'RATE_LIMITED', 'UNAVAILABLE'],
    handle: async ({ request, reply, body, signal, know }) => {
      const credentials = body()
      reply.header('cache-control', 'no-store')
      const token = await login.login(credentials, request.ip, signal())
      know()
      return token
    },
  })
}
