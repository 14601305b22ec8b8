import { loginSchema } from '../../shared/access/identity.js'
import { mustKnow, procedure, router } from '../transport/trpc/trpc.js'

export const authRouter = router({
  /** A bearer token for a name and password. Throws UNAUTHORIZED. */
  login: procedure('open')
    .input(loginSchema)
    .mutation(({ ctx, input, signal }) => ctx.services.login.login(input, ctx.connection.address, signal)),

  /** Who the caller is. */
  me: procedure('any').query(({ ctx }) => {
    const { username, role } = mustKnow(ctx.caller)
    return { username, role }
  }),
})
