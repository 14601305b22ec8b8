import { authRouter } from '../../access/operations.js'
import { agentLink, agentReport, linkCall, reportCall } from '../../agents/link-operations.js'
import { agentRouter } from '../../agents/operations.js'
import { analyze } from '../../analysis/operations.js'
import { commandRouter, execute, executeCall, followCall } from '../../commands/operations.js'
import type { LaneRoutes } from '../websocket/fast-path.js'
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

/** Of the same procedures, those that the express lane serves as well. */
export const laneRoutes: LaneRoutes = {
  calls: {
    execute: executeCall,
    'commands.follow': followCall,
    agentLink: linkCall,
    agentReport: reportCall,
  },
  config: appRouter._def._config,
}

/** The whole API as a type: all that a client needs of the server. */
export type AppRouter = typeof appRouter
