import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { registerAccessRoutes } from './access/routes.js'
import { registerAgentRoutes } from './agents/routes.js'
import { registerAnalyzeRoutes } from './analysis/routes.js'
import { registerExecuteRoute } from './commands/execute.routes.js'
import { registerRecordingRoute } from './commands/recording.routes.js'
import { registerCommandRoutes } from './commands/routes.js'
import type { RouterServices } from './router.js'
import type { AnswerMemory } from './transport/answer-memory.js'

/** The REST routes of every capability, over the same services as the router. */
export function capabilityRoutes(services: RouterServices & { answers: AnswerMemory }) {
  return (app: FastifyInstance, know: (connection: Socket) => void): void => {
    registerAccessRoutes(app, services, know)
    registerAgentRoutes(app, services)
    registerExecuteRoute(app, services)
    registerAnalyzeRoutes(app, services)
    registerCommandRoutes(app, services)
    registerRecordingRoute(app, services)
  }
}
