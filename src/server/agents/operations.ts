import { z } from 'zod'
import { agentQuerySchema, MAX_AGENTS_LISTED } from '../../shared/agents/agent.js'
import { idSchema } from '../../shared/commands/request.js'
import { AGENT_BYTES } from '../transport/answer-memory.js'
import type { ProvenIdentity } from '../transport/caller.js'
import { type Context, enter, mustKnow, procedure, router } from '../transport/trpc/trpc.js'
import { trackedEvents } from '../transport/websocket/live-call.js'
import type { Agents } from './registry.js'

export type AgentServices = { agents: Agents }

export function agentRouter({ agents }: AgentServices) {
  return router({
    /**
     * The agents that are known, with their status, by their ids. A page of fewer than 100 is the last; else the next one
     * begins after the last `agent_id` as `cursor`.
     */
    list: procedure('viewer')
      .input(agentQuerySchema.optional())
      .query(async ({ ctx, input }) => {
        const page = agents.list(input?.cursor, input?.limit ?? MAX_AGENTS_LISTED)
        await ctx.admit(page.agents.length * AGENT_BYTES)
        return page.agents
      }),

    /** One agent. Throws AGENT_NOT_FOUND. */
    get: procedure('viewer')
      .input(z.object({ agent_id: idSchema }))
      .query(({ input }) => agents.look(input.agent_id)),

    /** Forgets an agent that is not connected. Throws AGENT_NOT_FOUND, AGENT_ID_TAKEN. */
    forget: procedure('admin')
      .input(z.object({ agent_id: idSchema }))
      .mutation(({ input }) => agents.forget(input.agent_id)),

    /** A snapshot of all agents, then who connects and who goes. A new subscription begins with a new snapshot. */
    events: procedure('viewer')
      .input(z.object({ lastEventId: z.string().optional() }).optional())
      .subscription(({ ctx, signal = never }) =>
        trackedEvents(watch(agents, ctx, mustKnow(ctx.caller), signal), ctx, signal),
      ),
  })
}

async function* watch(
  agents: Agents,
  { services, connection }: Context,
  caller: ProvenIdentity,
  signal: AbortSignal,
) {
  const leave = enter(services, caller)
  let count = 0
  try {
    for await (const event of agents.events(signal)) {
      await connection.writable(signal)
      count += 1
      yield { id: `agents:${count}`, data: event }
    }
  } finally {
    leave()
  }
}

const never = new AbortController().signal
