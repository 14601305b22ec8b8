import { type AuditServices, auditOperations } from './access/audit/operations.js'
import type { Login } from './access/login.js'
import { accessOperations } from './access/operations.js'
import { explainOperations, type PolicyServices, policyOperations } from './access/policy/operations.js'
import { type TokenServices, tokenOperations } from './access/token-operations.js'
import { type UserServices, userOperations, userSessionOperations } from './access/user-operations.js'
import {
  agentRoutes,
  type EnrolmentServices,
  enrolledAgentOperations,
  joinTokenOperations,
} from './agents/enrolment/operations.js'
import { type LinkServices, linkOperations } from './agents/link-operations.js'
import { agentOperations } from './agents/operations.js'
import { type AnalysisServices, analyzeOperation } from './analysis/operations.js'
import type { EventFeed } from './commands/feed.js'
import { type CommandServices, commandOperations, executeOperation } from './commands/operations.js'
import { type InstallServices, installRoutes } from './install/install.routes.js'
import type { AnswerMemory } from './transport/answer-memory.js'
import { proceduresOf, routesOfAll } from './transport/operation.js'
import { type Context, router } from './transport/trpc/trpc.js'
import type { FastPathRoutes } from './transport/websocket/fast-path.js'

/** What the operations of all capabilities work with. */
export type RouterServices = { login: Login; answers: AnswerMemory; feed: EventFeed } & LinkServices &
  AnalysisServices &
  EnrolmentServices &
  CommandServices &
  PolicyServices &
  AuditServices &
  InstallServices &
  UserServices &
  TokenServices

/** Every operation of every capability, by the name that a caller uses. */
function createOperations(services: RouterServices) {
  return {
    auth: accessOperations(services),
    policy: policyOperations(services),
    access: explainOperations(services),
    users: userOperations(services),
    userSessions: userSessionOperations(services),
    tokens: tokenOperations(services),
    agents: { ...agentOperations(services), ...enrolledAgentOperations(services) },
    joinTokens: joinTokenOperations(services),
    commands: commandOperations(services),
    execute: executeOperation(services),
    analyze: analyzeOperation(services),
    audit: auditOperations(services),
    ...linkOperations(services),
  }
}

/** What the operations come to: the router, its calls that the fast path serves as well, and the routes of REST. */
export function createRouter(services: RouterServices) {
  const operations = createOperations(services)
  const { auth, users, userSessions, tokens, policy, access, audit, agents, joinTokens, commands } =
    operations
  const { execute, analyze, agentLink, agentReport } = operations
  const appRouter = router({
    auth: router(proceduresOf(auth)),
    policy: router(proceduresOf(policy)),
    access: router(proceduresOf(access)),
    users: router({ ...proceduresOf(users), sessions: router(proceduresOf(userSessions)) }),
    tokens: router(proceduresOf(tokens)),
    agents: router(proceduresOf(agents)),
    joinTokens: router(proceduresOf(joinTokens)),
    commands: router(proceduresOf(commands)),
    audit: router(proceduresOf(audit)),
    ...proceduresOf({ execute, analyze, agentLink, agentReport }),
  })
  const fastPath: FastPathRoutes = {
    calls: {
      execute: execute.call,
      'commands.follow': commands.follow.call,
      agentLink: agentLink.call,
      agentReport: agentReport.call,
    },
    config: appRouter._def._config,
  }
  /** For the plain JSON of `/ws`. */
  const eventSocket = {
    execute: execute.call,
    follow: commands.follow.call,
    agentEvents: agents.events.call,
    // Parsed by the operation.
    cancel: (ctx: Context, input: object) => appRouter.createCaller(ctx).commands.cancel(input as never),
  }
  const operated = [
    auth,
    users,
    userSessions,
    tokens,
    policy,
    access,
    agents,
    joinTokens,
    { execute, analyze },
    commands,
    audit,
  ].flatMap(routesOfAll)
  const routes = [...operated, ...agentRoutes(services), ...installRoutes(services)]
  return { appRouter, fastPath, eventSocket, routes }
}
