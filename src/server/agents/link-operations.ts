import { OgentError } from '../../shared/errors.js'
import { helloSchema, type LinkEvent, receiptsSchema, reportBatchSchema } from '../../shared/link/protocol.js'
import { mustKnow, procedure } from '../transport/trpc/trpc.js'
import { liveMutation, liveSubscription, trackedEvents } from '../transport/websocket/live-call.js'

/**
 * One agent's link: `registered` first, then orders. The link lives as long as the subscription. Throws
 * AGENT_ID_TAKEN, FORBIDDEN, RATE_LIMITED, and BAD_REQUEST for a second agent on one connection.
 */
export const linkCall = liveSubscription({
  access: 'agent',
  input: helloSchema,
  async *events({ ctx, caller, input, signal }) {
    const { connection } = ctx
    if (connection.hasLink || (connection.agentId ?? input.agent_id) !== input.agent_id) {
      throw new OgentError(
        'BAD_REQUEST',
        'This connection has the link of an agent already: open another one.',
      )
    }
    connection.hasLink = true
    const link = await ctx.services.agents.connect(input, caller).catch((error) => {
      connection.hasLink = false
      throw error
    })
    connection.agentId = link.agent_id
    const onAbort = () => link.close()
    signal.addEventListener('abort', onAbort)
    let count = 0
    try {
      for await (const event of link.events()) {
        await ctx.connection.writable(signal)
        count += 1
        yield { id: `${link.sid}:${count}`, data: event satisfies LinkEvent, haste: 'now' as const }
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      link.close()
      connection.hasLink = false
    }
  },
})

/** Progress and results of an agent's commands; answers what is stored, once that is committed. */
export const reportCall = liveMutation({
  access: 'agent',
  input: reportBatchSchema,
  async answer({ ctx, input }) {
    const link = ctx.services.agents.linkBySid(input.sid, ctx.connection.agentId)
    if (!link) throw new OgentError('CONNECTION_LOST', 'This link is closed: say hello again.')
    if (input.info) ctx.services.agents.update(link, input.info)
    if (input.load) link.load = input.load
    if (input.unsupported) ctx.services.delivery.unsupported(link, input.unsupported)
    return { receipts: await ctx.services.reports.accept(link, input.reports) }
  },
})

export const agentLink = procedure(linkCall.access)
  .input(linkCall.input)
  .subscription(({ ctx, input, signal = never }) =>
    trackedEvents(linkCall.events({ ctx, caller: mustKnow(ctx.caller), input, signal }), ctx, signal),
  )

export const agentReport = procedure(reportCall.access)
  .input(reportCall.input)
  .output(receiptsSchema)
  .mutation(({ ctx, input, signal = never }) =>
    reportCall.answer({ ctx, caller: mustKnow(ctx.caller), input, signal }),
  )

const never = new AbortController().signal
