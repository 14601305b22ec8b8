import { z } from 'zod'
import { idSchema } from '../../shared/command.js'
import type { ProvenIdentity } from '../core/ports.js'
import { trackedEvents } from './live-call.js'
import { type Context, enter, mustKnow, procedure, router } from './trpc.js'

export const agentRouter = router({
  /** Every agent that ever registered, with its status. */
  list: procedure('viewer').query(({ ctx }) => ctx.services.agents.list()),

  /** One agent. Throws AGENT_NOT_FOUND. */
  get: procedure('viewer')
    .input(z.object({ agent_id: idSchema }))
    .query(({ ctx, input }) => ctx.services.agents.look(input.agent_id)),

  /** A snapshot of all agents, then who connects and who goes. A new subscription begins with a new snapshot. */
  events: procedure('viewer')
    .input(z.object({ lastEventId: z.string().optional() }).optional())
    .subscription(({ ctx, signal = never }) =>
      trackedEvents(watch(ctx, mustKnow(ctx.caller), signal), ctx, signal),
    ),
})

async function* watch({ services, connection }: Context, caller: ProvenIdentity, signal: AbortSignal) {
  const leave = enter(services, caller)
  let count = 0
  try {
    for await (const event of services.agents.events(signal)) {
      await connection.writable(signal)
      count += 1
      yield { id: `agents:${count}`, data: event }
    }
  } finally {
    leave()
  }
}

const never = new AbortController().signal
