import { z } from 'zod'
import { agentParametersSchema, agentQuerySchema } from '../../shared/agents/query.js'
import { idSchema } from '../../shared/commands/request.js'
import { AGENT_BYTES } from '../transport/answer-memory.js'
import type { Caller } from '../transport/caller.js'
import { derived, json, linkToNext, query, route, subscription } from '../transport/operation.js'
import { type Context, enter } from '../transport/trpc/trpc.js'
import type { AgentService } from './service.js'

export type AgentServices = { agents: AgentService }

/** Of a path: an id that cannot be is unknown like any other. */
export const agentParams = z.object({ agent_id: z.string().describe('The id of the agent.') })

export function agentOperations({ agents }: AgentServices) {
  return {
    /**
     * The agents that are known, or those of them that fit, with their status, by their ids. A page of fewer than 100 is the
     * last; else the next one begins after the last `agent_id` as `cursor`.
     */
    list: query({
      access: 'agents.view',
      input: agentQuerySchema.optional(),
      run: async ({ input, admit, caller }) => {
        const page = await agents.list(caller(), input ?? agentQuerySchema.parse({}))
        await admit(page.agents.length * AGENT_BYTES)
        return page.agents
      },
      routes: [listRoute(agents)],
    }),

    /** One agent. Throws AGENT_NOT_FOUND. */
    get: query({
      access: 'agents.view',
      input: z.object({ agent_id: idSchema }),
      run: ({ input, caller }) => agents.get(caller(), input.agent_id),
      http: derived({
        method: 'GET',
        path: '/agents/{agent_id}',
        id: 'getAgent',
        tag: 'agents',
        summary: 'Show one agent',
        params: agentParams,
        replies: { 200: { description: 'The agent.', content: json('Agent') } },
        errors: ['AGENT_NOT_FOUND', 'RATE_LIMITED', 'UNAVAILABLE'],
      }),
    }),

    /** A snapshot of all agents, then who connects and who goes. A new subscription begins with a new snapshot. */
    events: subscription({
      access: 'agents.view',
      input: z.object({ lastEventId: z.string().optional() }).optional(),
      events: ({ ctx, caller, signal }) => watch(agents, ctx, caller, signal),
    }),
  }
}

/** Apart from `list`: a reply that has a next page names it. */
function listRoute(agents: AgentService) {
  return route({
    method: 'GET',
    path: '/agents',
    id: 'listAgents',
    list: true,
    tag: 'agents',
    summary: 'List the agents that are known',
    query: agentParametersSchema,
    replies: {
      200: {
        description: 'The agents that fit, those that are offline too, in the order of their ids.',
        content: { 'application/json': { list: 'Agent' } },
        headers: { Link: 'Where more fit: the next page of them, with `rel="next"` (RFC 8288).' },
      },
    },
    errors: ['RATE_LIMITED'],
    handle: async ({ query, request, reply, admit, caller }) => {
      const page = await agents.list(caller(), query)
      await admit(page.agents.length * AGENT_BYTES)
      if (page.next !== undefined) reply.header('link', linkToNext(request, page.next, query.limit))
      return page.agents
    },
  })
}

async function* watch(
  agents: AgentService,
  { services, connection }: Context,
  caller: Caller,
  signal: AbortSignal,
) {
  const leave = enter(services, caller)
  let count = 0
  try {
    for await (const event of agents.events(caller, signal)) {
      await connection.writable(signal)
      count += 1
      yield { id: `agents:${count}`, data: event }
    }
  } finally {
    leave()
  }
}
