import { tracked } from '@trpc/server'
import { z } from 'zod'
import { idSchema } from '../../shared/command.js'
import { enter, mustKnow, procedure, router } from './trpc.js'

export const agentRouter = router({
  /** Every agent that ever registered, with its status. */
  list: procedure('viewer').query(({ ctx }) => ctx.services.agents.list()),

  /** One agent. Throws AGENT_NOT_FOUND. */
  get: procedure('viewer')
    .input(z.object({ agent_id: idSchema }))
    .query(({ ctx, input }) => ctx.services.agents.get(input.agent_id)),

  /** A snapshot of all agents, then who connects and who goes. A new subscription begins with a new snapshot. */
  events: procedure('viewer')
    .input(z.object({ lastEventId: z.string().optional() }).optional())
    .subscription(async function* ({ ctx, signal = never }) {
      const leave = enter(ctx.services, mustKnow(ctx.caller))
      let count = 0
      try {
        for await (const event of ctx.services.agents.events(signal)) {
          await ctx.connection.writable(signal)
          count += 1
          yield tracked(`agents:${count}`, event)
        }
      } finally {
        leave()
      }
    }),
})

const never = new AbortController().signal
