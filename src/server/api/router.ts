import { agentRouter } from './agent-router.js'
import { analyze } from './analyze-router.js'
import { authRouter } from './auth-router.js'
import { commandRouter, execute } from './command-router.js'
import { agentLink, agentReport } from './link-router.js'
import { router } from './trpc.js'

export const appRouter = router({
  auth: authRouter,
  agents: agentRouter,
  commands: commandRouter,
  execute,
  analyze,
  agentLink,
  agentReport,
})

/** The whole API as a type: all that a client needs of the server. */
export type AppRouter = typeof appRouter
