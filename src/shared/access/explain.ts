import * as z from 'zod'
import { selectorSchema } from '../agents/selector.js'
import { actionSchema } from './actions.js'
import {
  type Decision,
  decisionSchema,
  policySchema,
  type WrittenPolicy,
  writtenPolicySchema,
} from './policy.js'

/** What is asked and answered about a policy. */

const policyReplyFields = {
  /** The policy; without roles, bindings and tests where none was saved: then the built-in roles count alone. */
  policy: writtenPolicySchema.describe(
    'The policy; empty where none was saved: then the built-in roles count alone.',
  ),
  /** Names this state of the policy: `If-Match` of the next change. */
  etag: z.string().describe('Names this state of the policy: `If-Match` of the next change.'),
  /** When it was saved, as an RFC 3339 time; null where none was. */
  saved_at: z.string().nullable().describe('When it was saved, as an RFC 3339 time; null where none was.'),
  /** The account that saved it; null where none was. */
  saved_by: z.string().nullable().describe('The account that saved it; null where none was.'),
}
/** The schema of `PolicyReply`. */
export const policyReplySchema = z.object(policyReplyFields)
/** The policy that is in force. */
export interface PolicyReply extends z.infer<z.ZodObject<typeof policyReplyFields>> {
  /** The policy; without roles, bindings and tests where none was saved: then the built-in roles count alone. */
  policy: WrittenPolicy
}

/** The tag of an installation that has saved no policy. */
export const NO_POLICY = 'none'

export const policySaveSchema = z.object({
  policy: policySchema,
  /** The tag of the policy that this one takes the place of; `*`: whichever there is. */
  if_match: z.string().min(1).max(128),
})

const policyFaultFields = {
  /** Where in the policy. */
  loc: z.array(z.union([z.string(), z.number()])).describe('Where in the policy.'),
  /** What is wrong, as a sentence. */
  msg: z.string().describe('What is wrong, as a sentence.'),
  /** What kind of thing is wrong, for programs, such as `failed_test`. */
  type: z.string().describe('What kind of thing is wrong, for programs, such as `failed_test`.'),
}
/** The schema of `PolicyCheck`. */
export const policyCheckSchema = z.object({
  ok: z.boolean().describe('Whether it could be saved.'),
  faults: z.array(z.object(policyFaultFields)).describe('What is wrong with it.'),
})
/** What is wrong with a policy. */
export interface PolicyFault extends z.infer<z.ZodObject<typeof policyFaultFields>> {}
/** Whether a policy could be saved. */
export interface PolicyCheck {
  /** Whether it could be saved. */
  ok: boolean
  /** What is wrong with it. */
  faults: PolicyFault[]
}

/** Agents that one explanation tells of by themselves. */
export const MAX_EXPLAINED = 1000

const explainFields = {
  /** Whom it is about: `ann`, `user:ann`, `service:ci` or `role:deployer`; the caller. */
  as: z
    .string()
    .max(320)
    .optional()
    .describe('Whom it is about: `ann`, `user:ann`, `service:ci` or `role:deployer`; the caller.'),
  /** What would be done; `run.shell`. */
  action: actionSchema.default('run.shell').describe('What would be done.'),
  /** Where: a selector, as text or as a tree; nowhere in particular. */
  agents: selectorSchema
    .optional()
    .describe('Where: a selector, as text or as a tree; nowhere in particular.'),
  /** The command that would run; none. */
  command: z
    .string()
    .min(1)
    .max(128 * 1024)
    .optional()
    .describe('The command that would run.'),
  /** Where on the agent it would run; `local`. */
  target: z.enum(['local', 'ssh']).default('local').describe('Where on the agent it would run.'),
  /** Names of the variables that it would set; none. */
  env: z
    .array(z.string().max(256))
    .max(256)
    .default([])
    .describe('Names of the variables that it would set.'),
  /** Whether it would bring a standard input; no. */
  stdin: z.boolean().default(false).describe('Whether it would bring a standard input.'),
  /** The folder in which it would run; the agent's own. */
  cwd: z.string().max(4096).optional().describe('The folder in which it would run.'),
  /** The time limit that it would ask for, in seconds; none. */
  timeout_seconds: z.number().positive().optional().describe('The time limit that it would ask for.'),
}
export const explainRequestSchema = z.object(explainFields)
/** A question about what is allowed, as it is written: what is left out has its default. */
export interface ExplainRequest extends z.input<z.ZodObject<typeof explainFields>> {}
/** The same, parsed. */
export type ParsedExplainRequest = z.output<typeof explainRequestSchema>

const consideredFields = {
  /** The grant, such as `deployer[2]`. */
  grant: z.string().describe('The grant, such as `deployer[2]`.'),
  /** Whether it allows or denies. */
  effect: z.enum(['allow', 'deny']).describe('Whether it allows or denies.'),
  /** Whether it fits the request on one of the agents at least. */
  fits: z.boolean().describe('Whether it fits the request on one of the agents at least.'),
  /** The first of its conditions that was not met, as a sentence; absent where it fits. */
  failed: z
    .string()
    .optional()
    .describe('The first of its conditions that was not met; absent where it fits.'),
}
const ofAgentFields = {
  /** The id of the agent. */
  agent_id: z.string().describe('The id of the agent.'),
  /** What it is there. */
  verdict: z.enum(['allow', 'deny', 'approval']).describe('What it is there.'),
  /** Why, as a sentence. */
  reason: z.string().describe('Why, as a sentence.'),
}
/** What the policy says of a request on one agent. */
export interface AgentExplanation extends z.infer<z.ZodObject<typeof ofAgentFields>> {}
/** What one grant says of a request. */
export interface ConsideredGrant extends z.infer<z.ZodObject<typeof consideredFields>> {}

export const explanationSchema = z.object({
  ...decisionSchema.shape,
  agents: z.array(z.object(ofAgentFields)).describe(`What it is on each agent, ${MAX_EXPLAINED} at most.`),
  considered: z.array(z.object(consideredFields)).describe('The grants of the account that name the action.'),
})
/** What the policy says of a request, and why. */
export interface AccessExplanation extends Decision {
  /** What it is on each agent, 1,000 at most. */
  agents: AgentExplanation[]
  /** The grants of the account that name the action. */
  considered: ConsideredGrant[]
}
