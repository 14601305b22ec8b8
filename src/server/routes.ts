import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { registerAccessRoutes } from './access/rest.js'
import { registerAgentRoutes } from './agents/rest.js'
import { registerAnalyzeRoutes } from './analysis/rest.js'
import { registerCommandRoutes } from './commands/rest.js'
import { registerExecuteRoute } from './commands/rest-execute.js'
import { registerRecordingRoute } from './commands/rest-recording.js'
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
