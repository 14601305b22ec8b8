import type { Login } from './access/login.js'
import { accessRouter } from './access/operations.js'
import { type LinkServices, linkOperations } from './agents/link-operations.js'
import { agentRouter } from './agents/operations.js'
import { type AnalysisServices, analyzeOperation } from './analysis/operations.js'
import { type CommandServices, commandOperations } from './commands/operations.js'
import { router } from './transport/trpc/trpc.js'
import type { FastPathRoutes } from './transport/websocket/fast-path.js'

/** What the operations of all capabilities work with. */
export type RouterServices = { login: Login } & LinkServices & AnalysisServices & CommandServices

/** The router of every operation, and those of its calls that the fast path serves as well. */
export function createRouter(services: RouterServices) {
  const { execute, commandRouter, calls } = commandOperations(services)
  const { agentLink, agentReport, calls: linkCalls } = linkOperations(services)
  const appRouter = router({
    auth: accessRouter(services),
    agents: agentRouter(services),
    commands: commandRouter,
    execute,
    analyze: analyzeOperation(services),
    agentLink,
    agentReport,
  })
  const fastPath: FastPathRoutes = { calls: { ...calls, ...linkCalls }, config: appRouter._def._config }
  return { appRouter, fastPath }
}

/** The whole API as a type: all that a client needs of the server. */
export type AppRouter = ReturnType<typeof createRouter>['appRouter']
