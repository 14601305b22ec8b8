import * as z from 'zod'
import { idSchema } from './command.js'
import { printable } from './printable.js'

/** An agent's own words, which lists and logs show: what could steer a terminal is replaced, not refused. */
const words = (max: number) => z.string().max(max).overwrite(printable)

export const labelsSchema = z.record(
  z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'takes letters, digits and . _ / -'),
  words(256),
)

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
})
export type Agent = z.infer<typeof agentSchema>

/** What `agents.events` yields: a first snapshot, then changes. */
export type AgentEvent =
  | { type: 'snapshot'; agents: Agent[]; timestamp: string }
  | { type: 'agent_connected'; agent: Agent; timestamp: string }
  | { type: 'agent_disconnected'; agent: Agent; timestamp: string }
