import * as z from 'zod'
import type { Selector } from '../agents/selector/tree.js'
import { actionSchema } from './actions.js'
import {
  approvalNeedSchema,
  type Grant,
  type GrantInput,
  grantSchema,
  policyLimits,
  reachSchema,
  timeSchema,
  type WrittenGrant,
  writtenGrantSchema,
  writtenReachSchema,
} from './grant.js'

export * from './grant.js'

/** Who may do what, where: roles are lists of grants, bindings give roles to accounts. */

/** The names of roles of a policy; the four built-in ones mean what they always meant. */
export const roleNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'takes 1 to 64 letters, digits, and . _ - inside')

const bindingFields = {
  /** Whom it is about: `user:ann`, `service:ci` or `group:sre`. */
  to: z
    .string()
    .max(320)
    .regex(/^(?:user|service|group):./s, 'takes user:, service: or group: and a name')
    .describe('Whom it is about: `user:ann`, `service:ci` or `group:sre`.'),
  /** A role of this policy, or a built-in one. */
  role: roleNameSchema.describe('A role of this policy, or a built-in one.'),
  /** Not from this time on; absent: for ever. */
  expires_at: timeSchema.optional().describe('Not from this time on; absent: for ever.'),
}
const bindingSchema = z.strictObject(bindingFields)
/** Who has a role, besides the roles of the account itself. */
export interface Binding extends z.infer<z.ZodObject<typeof bindingFields>> {}

const testFields = {
  /** Whose rights are looked at: `user:ann`, `service:ci`, `group:sre` or `role:deployer`. */
  as: z
    .string()
    .max(320)
    .regex(/^(?:user|service|group|role):./s, 'takes user:, service:, group: or role: and a name')
    .describe('Whose rights are looked at: `user:ann`, `service:ci`, `group:sre` or `role:deployer`.'),
  /** What would be done. */
  action: actionSchema.describe('What would be done.'),
  /** The command that would run; absent: none in particular. */
  command: z
    .string()
    .min(1)
    .max(128 * 1024)
    .optional()
    .describe('The command that would run; absent: none in particular.'),
  /** What the policy has to say. */
  expect: z.enum(['allow', 'deny', 'approval']).describe('What the policy has to say.'),
}
const policyTestSchema = z.strictObject({
  ...testFields,
  agents: reachSchema.describe('Agents that are asked about: ids, or labels of which an agent is made up.'),
})
/** What has to be true of a policy. */
export interface PolicyTest extends z.output<z.ZodObject<typeof testFields>> {
  /** Agents that are asked about: ids, or labels of which an agent is made up. */
  agents: Selector
}
/** The same as it is written. */
interface PolicyTestInput extends z.input<z.ZodObject<typeof testFields>> {
  /** Agents that are asked about, as text or as a tree. */
  agents: string | Selector
}
/** The same as replies show it. */
interface WrittenPolicyTest extends z.output<z.ZodObject<typeof testFields>> {
  /** Agents that are asked about, as text, or as a tree where the text would be too long. */
  agents: z.output<typeof writtenReachSchema>
}

const restFields = {
  /** Who has which role, besides the roles of the account itself. */
  bindings: z
    .array(bindingSchema)
    .max(policyLimits.bindings)
    .default([])
    .describe('Who has which role, besides the roles of the account itself.'),
}

export const policySchema = z.strictObject({
  roles: z
    .record(roleNameSchema, z.array(grantSchema).max(policyLimits.grants))
    .refine(
      (roles) => Object.keys(roles).length <= policyLimits.roles,
      `takes ${policyLimits.roles} roles at most`,
    )
    .default({})
    .describe('Role → its grants. Not `viewer`, `operator`, `admin` and `agent`, which are built in.'),
  ...restFields,
  tests: z
    .array(policyTestSchema)
    .max(policyLimits.tests)
    .default([])
    .describe('What has to be true of it: a policy that fails one of them is not saved.'),
})
/** Who may do what, where. */
export interface AccessPolicy extends z.output<z.ZodObject<typeof restFields>> {
  /** Role → its grants. */
  roles: Record<string, Grant[]>
  /** What has to be true of it. */
  tests: PolicyTest[]
}
/** A policy as it is written: what is left out has its default, and selectors are texts or trees. */
export interface AccessPolicyInput extends z.input<z.ZodObject<typeof restFields>> {
  /** Role → its grants. Not `viewer`, `operator`, `admin` and `agent`, which are built in. */
  roles?: Record<string, GrantInput[]> | undefined
  /** What has to be true of it: a policy that fails one of them is not saved. */
  tests?: PolicyTestInput[] | undefined
}

/** A policy as replies show it: as it is written, its selectors as texts. */
export const writtenPolicySchema = z.object({
  roles: z.record(z.string(), z.array(writtenGrantSchema)).describe('Role → its grants.'),
  ...restFields,
  tests: z
    .array(z.object({ ...testFields, agents: writtenReachSchema }))
    .describe('What has to be true of it.'),
})

/** A policy as replies show it: as it is written, its selectors as texts. */
export interface WrittenPolicy extends z.output<z.ZodObject<typeof restFields>> {
  /** Role → its grants. */
  roles: Record<string, WrittenGrant[]>
  /** What has to be true of it. */
  tests: WrittenPolicyTest[]
}

const decisionFields = {
  /** Whether it is allowed, with or without the approval of others. */
  verdict: z
    .enum(['allow', 'deny', 'approval'])
    .describe('Whether it is allowed, with or without the approval of others.'),
  /** The grant that decided, such as `deployer[2]`; absent where none fits. */
  grant: z
    .string()
    .optional()
    .describe('The grant that decided, such as `deployer[2]`; absent where none fits.'),
  /** Why, as a sentence. */
  reason: z.string().describe('Why, as a sentence.'),
  /** The agents that are refused, each with the reason. */
  per_agent: z
    .array(
      z.object({
        agent_id: z.string().describe('The id of the agent.'),
        reason: z.string().describe('Why it is refused there, as a sentence.'),
      }),
    )
    .optional()
    .describe('The agents that are refused, each with the reason.'),
  /** What has to be kept to. */
  obligations: z
    .object({
      max_timeout_seconds: z.number().optional().describe('The longest time limit, in seconds.'),
      approvals: z.array(approvalNeedSchema).optional().describe('The approvals that it takes.'),
    })
    .describe('What has to be kept to.'),
}
/** The schema of `Decision`. */
export const decisionSchema = z.object(decisionFields)
/** What the policy says of a request. */
export interface Decision extends z.infer<z.ZodObject<typeof decisionFields>> {}
