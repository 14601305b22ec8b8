import * as z from 'zod'
import { idSchema } from '../commands/request.js'
import { agentStatusSchema, MAX_AGENTS_LISTED } from './agent.js'
import { matcherOf } from './selector/matcher.js'
import type { Selector } from './selector/tree.js'
import { selectorFault, selectorSchema, selectorTextSchema } from './selector.js'

/** Which agents a list has. */

const SELECTOR = 'agents that this selector means, such as `env=prod and role=web`'

const filterFields = {
  /** Agents that this selector means: a text such as `env=prod and role=web`, or a tree; all. */
  selector: selectorSchema.superRefine(mustBeKnown).optional().describe(SELECTOR),
  /** Agents that have this status; any. */
  status: agentStatusSchema.optional().describe('Agents that have this status.'),
  /** Agents that have this text in their id, hostname or a label's value, in upper or lower case; 1 to 256 characters. */
  q: z
    .string()
    .min(1)
    .max(256)
    .optional()
    .describe("text in the id, the hostname or a label's value, in any case"),
}
const queryFields = {
  ...filterFields,
  /** Agents in a page, 1 to 10,000; 10,000. */
  limit: z.coerce
    .number<string | number>()
    .int()
    .min(1)
    .max(MAX_AGENTS_LISTED)
    .default(MAX_AGENTS_LISTED)
    .describe('Agents in a page.'),
  /** The last `agent_id` of the page before, for the page after it. */
  cursor: idSchema.optional().describe('the last `agent_id` of the page before'),
}
export const agentQuerySchema = z.object(queryFields)
/** A page of the agents that match, in the order of their ids. */
export interface AgentQuery extends z.output<z.ZodObject<typeof queryFields>> {}

/** Which agents `agents.list` gives, in the order of their ids. What is left out means any. */
export interface AgentFilter extends z.input<z.ZodObject<typeof filterFields>> {
  /** Agents at most, from 1; all that match. */
  limit?: number | undefined
  /** The `agent_id` after which the list begins; at the first. */
  cursor?: string | undefined
}

/** The same as parameters of an address, where a selector is text. */
export const agentParametersSchema = agentQuerySchema.extend({
  selector: selectorTextSchema.superRefine(mustBeKnown).optional().describe(SELECTOR),
})

/** A list knows no saved sets, no runs and no facts. */
function mustBeKnown(selector: Selector, { addIssue }: z.core.$RefinementCtx): void {
  try {
    matcherOf(selector)
  } catch (error) {
    addIssue(selectorFault(error))
  }
}
