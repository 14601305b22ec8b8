import type { Socket } from 'node:net'
import formbody from '@fastify/formbody'
import type { FastifyInstance } from 'fastify'
import { loginSchema } from '../../shared/access/identity.js'
import { callerOf, goneSignal, parse } from '../transport/http/request.js'
import type { Login } from './login.js'

/** Bytes of a login. */
const LOGIN_BYTES = 4 * 1024

/** `/token` and `/users/me`. `know` is called when a request on this connection has proven who calls. */
export function registerAccessRoutes(
  app: FastifyInstance,
  { login }: { login: Login },
  know: (connection: Socket) => void,
): void {
  app.get('/users/me', { config: { access: 'any' } }, async (request) => {
    const { username, role } = callerOf(request)
    return { username, role }
  })

  // In a scope of its own: OAuth2 logs in by a form, which nothing else takes.
  app.register(async (scope) => {
    await scope.register(formbody)
    scope.post('/token', { config: { access: 'open' }, bodyLimit: LOGIN_BYTES }, async (request, reply) => {
      const credentials = parse(loginSchema, request.body, 'body')
      reply.header('cache-control', 'no-store')
      const token = await login.login(credentials, request.ip, goneSignal(reply))
      know(request.raw.socket)
      return token
    })
  })
}
