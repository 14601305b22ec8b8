import { loginSchema } from '../../shared/access/identity.js'
import { mustKnow, procedure, router } from '../transport/trpc/trpc.js'
import type { Login } from './login.js'

export function accessRouter({ login }: { login: Login }) {
  return router({
    /** A bearer token for a name and password. Throws UNAUTHORIZED. */
    login: procedure('open')
      .input(loginSchema)
      .mutation(({ ctx, input, signal }) => login.login(input, ctx.connection.address, signal)),

    /** Who the caller is. */
    me: procedure('any').query(({ ctx }) => {
      const { username, role } = mustKnow(ctx.caller)
      return { username, role }
    }),
  })
}
