import * as z from 'zod'
import { idSchema } from '../commands/request.js'
import { printable } from '../printable.js'

/** An agent's own words, which lists and logs show: what could steer a terminal is replaced, not refused. */
const words = (max: number) => z.string().max(max).overwrite(printable)

/** With the bounds on each name and value, all that an agent says of itself stays below 64 KiB. */
export const MAX_LABELS = 64

export const labelsSchema = z
  .record(
    z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'takes letters, digits and . _ / -'),
    words(256),
  )
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `takes ${MAX_LABELS} labels at most`)

/** What an agent says of its machine: the documented fields, and ours. */
export const agentInfoSchema = z.object({
  platform: words(256).describe('as uname -s says it, such as Linux'),
  version: words(256).describe('of the kernel'),
  python: words(64).nullable().describe("the machine's Python version, or null"),
  node: words(64),
  ssh_enabled: z.boolean(),
  ssh_target: words(512).nullable(),
  ssh_status: z.enum(['disabled', 'connecting', 'connected', 'unavailable']).optional(),
  ssh_error: words(1024).nullable().optional(),
  hostname: words(256),
  arch: words(64),
  agent_version: words(64),
  max_concurrent_commands: z.number().int(),
})
export type AgentInfo = z.infer<typeof agentInfoSchema>

export const agentStatusSchema = z.enum(['connected', 'disconnected'])

/** Agents in one answer, and fewer where what is said of them is long. */
export const MAX_AGENTS_LISTED = 10_000

/** An agent as `GET /agents` shows it. */
export const agentSchema = z.object({
  sid: z.string().nullable().describe('id of its link; null while it is away'),
  agent_id: idSchema,
  connected_at: z.string().nullable().describe('when its link was opened; the last one while it is away'),
  status: agentStatusSchema,
  hostname: z.string(),
  labels: labelsSchema,
  last_seen_at: z.string(),
  agent_info: agentInfoSchema,
  protocol: z.number().int().describe('the protocol of its link, the last one while it is away'),
  features: z.array(z.string()).describe('what it takes beyond that protocol, by name'),
})
export type Agent = z.infer<typeof agentSchema>

/** Of which agents a list begins: those after `cursor`, an `agent_id`, in the order of their ids. */
export const agentQuerySchema = z.object({
  limit: z.coerce.number().int().min(1).max(MAX_AGENTS_LISTED).default(MAX_AGENTS_LISTED),
  cursor: idSchema.optional().describe('the last `agent_id` of the page before'),
})

/**
 * What `agents.events` yields: a first snapshot, then changes. A snapshot has 1,000 agents at most; the others follow
 * it, each as connected or disconnected.
 */
export type AgentEvent =
  | { type: 'snapshot'; agents: Agent[]; timestamp: string }
  | { type: 'agent_connected'; agent: Agent; timestamp: string }
  | { type: 'agent_disconnected'; agent: Agent; timestamp: string }
  | { type: 'agent_forgotten'; agent: Agent; timestamp: string }
