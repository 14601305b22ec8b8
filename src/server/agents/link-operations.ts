import { OgentError } from '../../shared/errors.js'
import {
  type Hello,
  helloSchema,
  type InputAnswer,
  type LinkEvent,
  type Receipt,
  type Report,
  receiptsSchema,
  reportBatchSchema,
  type UnsupportedOrder,
  type WitnessAnswer,
} from '../../shared/link/protocol.js'
import type { Actor } from '../transport/caller.js'
import { linkMutation, subscription } from '../transport/operation.js'
import type { AgentLink } from './connection.js'
import type { Agents } from './registry.js'

export type LinkServices = {
  links: Agents
  intake: { accept(link: AgentLink, reports: Report[]): Promise<Receipt[]> }
  inputs: { answered(link: AgentLink, answers: InputAnswer[]): void }
  witnesses: { answered(link: AgentLink, answers: WitnessAnswer[]): void }
  dispatch: {
    connect(hello: Hello, identity: Actor): Promise<AgentLink>
    unsupported(link: AgentLink, orders: UnsupportedOrder[]): void
  }
}

/**
 * One agent's link: `registered` first, then orders. The link lives as long as the subscription. Throws
 * AGENT_ID_TAKEN, FORBIDDEN, RATE_LIMITED, and BAD_REQUEST for a second agent on one connection.
 */
const agentLink = ({ dispatch }: LinkServices) =>
  subscription({
    access: 'agents.link',
    input: helloSchema,
    takesNewerInput: true,
    async *events({ ctx, caller, input, signal }) {
      const { connection } = ctx
      if (connection.hasLink || (connection.agentId ?? input.agent_id) !== input.agent_id) {
        throw new OgentError(
          'BAD_REQUEST',
          'This connection has the link of an agent already: open another one.',
        )
      }
      connection.hasLink = true
      const link = await dispatch.connect(input, caller).catch((error) => {
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
          yield { id: `${link.sid}:${count}`, data: event satisfies LinkEvent, flush: 'immediate' as const }
        }
      } finally {
        signal.removeEventListener('abort', onAbort)
        link.close()
        connection.hasLink = false
      }
    },
  })

/** Progress and results of an agent's commands; answers what is stored, once that is committed. */
const agentReport = ({ links, intake, inputs, witnesses, dispatch }: LinkServices) =>
  linkMutation({
    access: 'agents.link',
    input: reportBatchSchema,
    output: receiptsSchema,
    async answer({ ctx, input }) {
      const link = links.linkBySid(input.sid, ctx.connection.agentId)
      if (!link) throw new OgentError('CONNECTION_LOST', 'This link is closed: say hello again.')
      if (input.info) links.update(link, input.info)
      if (input.load) link.load = input.load
      if (input.unsupported) dispatch.unsupported(link, input.unsupported)
      if (input.inputs) inputs.answered(link, input.inputs)
      if (input.witnessed) witnesses.answered(link, input.witnessed)
      return { receipts: await intake.accept(link, input.reports) }
    },
  })

export function linkOperations(services: LinkServices) {
  return { agentLink: agentLink(services), agentReport: agentReport(services) }
}
