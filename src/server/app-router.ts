import type { AnyTRPCProcedure, AnyTRPCRouter, TRPCBuiltRouter } from '@trpc/server'
import type { createRouter } from './router.js'
import type { Meta } from './transport/trpc/meta.js'

/**
 * The types of all procedures, inferred from the router. There is no value behind them: a type that is inferred for a
 * constant is written out whole in the declaration file, which so imports nothing of the router, whose own declaration
 * imports the types of ws, Fastify and Node.js.
 */
export const api = writtenOut<ReturnType<typeof createRouter>['appRouter']>()

/** The whole API as a type: all that a client needs of the server. */
export type AppRouter = TRPCBuiltRouter<
  { ctx: object; meta: Meta; errorShape: (typeof api)['errorShape']; transformer: true },
  (typeof api)['procedures']
>

function writtenOut<R extends AnyTRPCRouter>() {
  // Types alone are read of it: see `api`.
  return {} as {
    // Unnamed, for a named type is not written out: tRPC's own would be written with the server's context inside.
    procedures: {
      [K in keyof R['_def']['record']]: R['_def']['record'][K] extends AnyTRPCProcedure
        ? R['_def']['record'][K]
        : { [L in keyof R['_def']['record'][K]]: R['_def']['record'][K][L] }
    }
    errorShape: R['_def']['_config']['$types']['errorShape']
  }
}
