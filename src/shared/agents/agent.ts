import * as z from 'zod'
import { idSchema } from '../commands/request.js'
import { printable } from '../printable.js'

/** An agent's own words, which lists and logs show: what could steer a terminal is replaced, not refused. */
const words = (max: number) => z.string().max(max).overwrite(printable)

/** With the bounds on each name and value, all that an agent says of itself stays below 64 KiB. */
export const MAX_LABELS = 64

export const labelNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/, 'takes letters, digits and . _ / -')

/** The labels of an agent by name: 64 at most, names of 1 to 63 characters, values of 256 at most. */
export const labelsSchema = z
  .record(labelNameSchema, words(256))
  .refine((labels) => Object.keys(labels).length <= MAX_LABELS, `takes ${MAX_LABELS} labels at most`)

/** What an agent says of its machine: the documented fields, and ours. */
const agentInfoFields = {
  /** The operating system as `uname -s` says it, such as `Linux`. */
  platform: words(256).describe('as uname -s says it, such as Linux'),
  /** The version of the kernel. */
  version: words(256).describe('of the kernel'),
  /** The machine's version of Python; null where it has none. */
  python: words(64).nullable().describe("the machine's Python version, or null"),
  /** The version of Node.js that runs the agent. */
  node: words(64).describe('The version of Node.js that runs the agent.'),
  /** Whether the agent has an SSH target, on which it runs commands. */
  ssh_enabled: z.boolean().describe('Whether the agent has an SSH target, on which it runs commands.'),
  /** The SSH target as `user@host:port`; null without one. */
  ssh_target: words(512).nullable().describe('The SSH target as `user@host:port`; null without one.'),
  /** The state of the connection to the SSH target. */
  ssh_status: z
    .enum(['disabled', 'connecting', 'connected', 'unavailable'])
    .optional()
    .describe('The state of the connection to the SSH target.'),
  /** Why the SSH target is unavailable, as a sentence; null where it is not. */
  ssh_error: words(1024)
    .nullable()
    .optional()
    .describe('Why the SSH target is unavailable, as a sentence; null where it is not.'),
  /** The name of the machine. */
  hostname: words(256).describe('The name of the machine.'),
  /** The processor's architecture as Node.js names it, such as `x64`. */
  arch: words(64).describe("The processor's architecture as Node.js names it, such as `x64`."),
  /** The version of the agent. */
  agent_version: words(64).describe('The version of the agent.'),
  /** How many commands the agent runs at a time; further ones wait. */
  max_concurrent_commands: z
    .number()
    .int()
    .describe('How many commands the agent runs at a time; further ones wait.'),
}
/** The schema of `AgentInfo`. */
export const agentInfoSchema = z.object(agentInfoFields)
/** What an agent says of its machine and of itself. */
export interface AgentInfo extends z.infer<z.ZodObject<typeof agentInfoFields>> {}

const agentIdentityFields = {
  /** The id of its identity, which no other agent ever gets. */
  identity_id: z.string().describe('The id of its identity, which no other agent ever gets.'),
  /** When it joined, as an RFC 3339 time. */
  joined_at: z.string().describe('When it joined, as an RFC 3339 time.'),
  /** The ids of the keys that it may sign with. */
  key_ids: z.array(z.string()).describe('The ids of the keys that it may sign with.'),
  /** The id of the join token by which it joined. */
  via: z.string().describe('The id of the join token by which it joined.'),
}
/** The schema of `AgentIdentityInfo`. */
export const agentIdentityInfoSchema = z.object(agentIdentityFields)
/** The identity of an agent that has a key of its own. */
export interface AgentIdentityInfo extends z.infer<z.ZodObject<typeof agentIdentityFields>> {}

/** Whether an agent is connected. */
export const agentStatusSchema = z.enum(['connected', 'disconnected'])

/** Agents in one answer, and fewer where what is said of them is long. */
export const MAX_AGENTS_LISTED = 10_000

const agentFields = {
  /** The id of its link to the controller; null while it is not connected. */
  sid: z.string().nullable().describe('id of its link; null while it is offline'),
  /** The id of the agent, by which commands are sent to it. */
  agent_id: idSchema.describe('The id of the agent, by which commands are sent to it.'),
  /** When its link was opened, as an RFC 3339 time; the last one while it is not connected. */
  connected_at: z.string().nullable().describe('when its link was opened; the last one while it is offline'),
  /** Whether it is connected. */
  status: agentStatusSchema.describe('Whether it is connected.'),
  /** The name of its machine. */
  hostname: z.string().describe('The name of its machine.'),
  /** Its labels by name: those that it reports, and those that were assigned to it, which win. */
  labels: labelsSchema.describe(
    'Its labels by name: those that it reports, and those that were assigned to it, which win.',
  ),
  /** The labels that were assigned to it, by a join token or an admin: the ones that policies see. */
  assigned_labels: labelsSchema
    .default({})
    .describe('Those of them that were assigned to it, by a join token or an admin.'),
  /** Its identity; null where it logs in by the password of an account. */
  identity: agentIdentityInfoSchema
    .nullable()
    .default(null)
    .describe('Its identity; null where it logs in by the password of an account.'),
  /** When the controller last heard of it, as an RFC 3339 time. */
  last_seen_at: z.string().describe('When the controller last heard of it, as an RFC 3339 time.'),
  /** What it says of its machine and of itself. */
  agent_info: agentInfoSchema.describe('What it says of its machine and of itself.'),
  /** The protocol of its link; the last one while it is not connected. */
  protocol: z.number().int().describe('the protocol of its link, the last one while it is offline'),
  /** What it supports beyond that protocol, by name. */
  features: z.array(z.string()).describe('what it takes beyond that protocol, by name'),
}
/** The schema of `Agent`. */
export const agentSchema = z.object(agentFields)
/** An agent as `GET /agents` shows it. */
export interface Agent extends z.infer<z.ZodObject<typeof agentFields>> {
  /** What it says of its machine and of itself. */
  agent_info: AgentInfo
  /** Its identity; null where it logs in by the password of an account. */
  identity: AgentIdentityInfo | null
}

/**
 * What `agents.events` yields: a first snapshot, then changes. A snapshot has 1,000 agents at most; the others follow
 * it, each as connected or disconnected.
 */
export type AgentEvent = AgentSnapshotEvent | AgentChangeEvent

/** The agents as they are: what was known before it no longer counts. */
export interface AgentSnapshotEvent {
  /** This is a snapshot. */
  type: 'snapshot'
  /** The agents, 1,000 at most. Further ones follow as events of their own. */
  agents: Agent[]
  /** When that was, as an RFC 3339 time. */
  timestamp: string
}

/** An agent has connected, has lost its link, or was forgotten by an admin. */
export type AgentChangeEvent = AgentConnectedEvent | AgentDisconnectedEvent | AgentForgottenEvent

/** What every change of an agent says. */
interface AgentChange {
  /** The agent as it is after the change. */
  agent: Agent
  /** When the change came about, as an RFC 3339 time. */
  timestamp: string
}

/** An agent has connected. */
export interface AgentConnectedEvent extends AgentChange {
  /** The agent has connected. */
  type: 'agent_connected'
}

/** An agent is not connected any more. */
export interface AgentDisconnectedEvent extends AgentChange {
  /** The agent is not connected any more. */
  type: 'agent_disconnected'
}

/** An agent was forgotten by an admin. */
export interface AgentForgottenEvent extends AgentChange {
  /** The agent was forgotten: it is in no list any more. */
  type: 'agent_forgotten'
}
