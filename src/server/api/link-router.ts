import { tracked } from '@trpc/server'
import { OgentError } from '../../shared/errors.js'
import { helloSchema, type LinkEvent, receiptsSchema, reportBatchSchema } from '../../shared/link.js'
import { mustKnow, procedure } from './trpc.js'

/**
 * One agent's link: `registered` first, then orders. The link lives as long as the subscription. Throws
 * AGENT_ID_TAKEN, FORBIDDEN.
 */
export const agentLink = procedure('agent')
  .input(helloSchema)
  .subscription(async function* ({ ctx, input, signal = never }) {
    const link = await ctx.services.agents.connect(input, mustKnow(ctx.caller))
    ctx.connection.agentId = link.agent_id
    const onAbort = () => link.close()
    signal.addEventListener('abort', onAbort)
    let count = 0
    try {
      for await (const event of link.events()) {
        await ctx.connection.writable(signal)
        count += 1
        yield tracked(`${link.sid}:${count}`, event satisfies LinkEvent)
      }
    } finally {
      signal.removeEventListener('abort', onAbort)
      link.close()
    }
  })

/** Progress and results of an agent's commands; answers what is stored, once that is committed. */
export const agentReport = procedure('agent')
  .input(reportBatchSchema)
  .output(receiptsSchema)
  .mutation(async ({ ctx, input }) => {
    const link = ctx.services.agents.linkBySid(input.sid, ctx.connection.agentId)
    if (!link) throw new OgentError('CONNECTION_LOST', 'This link is closed: say hello again.')
    if (input.info) ctx.services.agents.update(link, input.info)
    return { receipts: await ctx.services.reports.accept(link, input.reports) }
  })

const never = new AbortController().signal
