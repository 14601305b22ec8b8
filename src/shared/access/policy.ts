import * as z from 'zod'
import type { Selector } from '../agents/selector/tree.js'
import { selectorSchema } from '../agents/selector.js'
import type { riskLevelSchema } from '../analysis/analysis.js'
import { actionSchema } from './actions.js'

/** Who may do what, where: roles are lists of grants, bindings give roles to accounts. */

/** The bounds of a policy. */
export const policyLimits = {
  /** Roles, and grants of one role. */
  roles: 1000,
  grants: 10_000,
  /** Bindings, and tests. */
  bindings: 10_000,
  tests: 1000,
  /** Rules, actions and names in one grant. */
  rules: 256,
  /** Characters of a word of a rule. */
  word: 4096,
} as const

/** How dangerous a command may be: what the guard calls `unknown` counts as high. */
export const riskSchema = z.enum(['low', 'medium', 'high'])
/** How dangerous a command may be: see `riskSchema`. */
export type Risk = z.infer<typeof riskSchema>

/** A moment, as an RFC 3339 time in UTC, such as `2026-11-30T12:00:00Z`. */
const timeSchema = z.iso.datetime({ error: 'takes a time in UTC, such as 2026-11-30T12:00:00Z' })
const secondsSchema = z
  .number()
  .int()
  .min(1)
  .max(366 * 24 * 3600)
const literalSchema = z.string().min(1).max(policyLimits.word)

/** One word of a command: itself, or what it has to fit. */
export const wordRuleSchema = z.union([
  literalSchema,
  z.strictObject({ one_of: z.array(literalSchema).min(1).max(policyLimits.rules) }),
  /** `*` fits any characters but `/`, and `?` one of them. */
  z.strictObject({ glob: z.string().min(1).max(256) }),
  /** A whole number in decimal, both bounds included. */
  z.strictObject({ int: z.strictObject({ min: z.number().int(), max: z.number().int() }) }),
  /** An absolute path at or below this one, after `.` and `..` are resolved. */
  z.strictObject({ path_under: z.string().startsWith('/').max(policyLimits.word) }),
])
/** One word of a command: see `wordRuleSchema`. */
export type WordRule = z.infer<typeof wordRuleSchema>

/** What one simple command has to fit. */
export const commandRuleSchema = z.union([
  /** A call of a typed contract: `name@version`, or `name` for any version. */
  z.strictObject({ contract: z.string().min(1).max(256) }),
  /** The whole text of the command, character by character. */
  z.strictObject({
    exact: z
      .string()
      .min(1)
      .max(128 * 1024),
  }),
  /** The words of a simple command; further words only where `rest` is set, each of which has to fit it. */
  z.strictObject({
    argv: z.array(wordRuleSchema).min(1).max(policyLimits.rules),
    rest: wordRuleSchema.optional(),
    max_words: z.number().int().min(1).max(4096).default(64),
  }),
])
/** What one simple command has to fit: see `commandRuleSchema`. */
export type CommandRule = z.infer<typeof commandRuleSchema>

/** Approvals that a grant asks for; collecting them is not supported yet, so that such a grant allows nothing by itself. */
export const approvalNeedSchema = z.strictObject({
  /** How many people have to approve. */
  needed: z.number().int().min(1).max(5),
  /** Who may: `user:…`, `group:…` or `role:…`. */
  from: z.array(z.string().min(1).max(256)).min(1).max(policyLimits.rules),
  /** When it is asked for; absent: always. */
  when: z
    .strictObject({ risk: riskSchema, over_agents: z.number().int().min(0) })
    .partial()
    .optional(),
  /** How long an approval holds, in seconds. */
  valid_seconds: secondsSchema.default(3600),
})
/** Approvals that a grant asks for. */
export type ApprovalNeed = z.infer<typeof approvalNeedSchema>

const ASSIGNED =
  'takes all, ids, and labels that were assigned (env=prod): not what an agent says of itself, no sets and no runs'

/** Agents by id and by assigned label: what an agent says of itself does not count. */
const reachSchema: z.ZodType<Selector, string | Selector> = selectorSchema.refine(isAssigned, ASSIGNED)

/**
 * One grant is one conjunction: it fits a request that meets everything that it says. A deny grant fits by what it is about
 * (`actions`, `agents`, `commands`, `targets`, `cwd`, times); its other fields are limits of what is allowed, and are refused
 * there.
 */
export const grantSchema = z
  .strictObject({
    effect: z.enum(['allow', 'deny']).default('allow'),
    /** What may be done. */
    actions: z.array(actionSchema).min(1).max(policyLimits.rules),
    /** Where: a selector over ids and assigned labels. */
    agents: reachSchema,
    /** Commands that may run; absent: any. */
    commands: z.array(commandRuleSchema).min(1).max(policyLimits.rules).optional(),
    /** Operators that may join commands that fit; binds only beside `commands`. */
    operators: z
      .array(z.enum(['|', '&&', '||', ';']))
      .max(4)
      .optional(),
    /** Files that the shell may write or read for them; binds only beside `commands`. */
    redirects: z.enum(['none', 'dev_null', 'any']).optional(),
    /** Where on an agent; absent: both. */
    targets: z
      .array(z.enum(['local', 'ssh']))
      .min(1)
      .max(2)
      .optional(),
    /** Names of variables that a request may set; `*` fits any characters; none. */
    env: z.array(z.string().min(1).max(256)).max(policyLimits.rules).optional(),
    /** Whether a request may bring a standard input; no. */
    stdin: z.boolean().optional(),
    /** Folders at or below which a request may run; absent: any, and the agent's own. */
    cwd: z.array(z.string().startsWith('/').max(policyLimits.word)).min(1).max(policyLimits.rules).optional(),
    /** The highest risk that the guard may find; medium. */
    max_risk: riskSchema.optional(),
    /** Agents in one request; absent: any number. */
    max_agents: z.number().int().min(1).optional(),
    /** The longest time limit of a command, in seconds; one that asks for none gets this one. */
    max_timeout_seconds: z
      .number()
      .positive()
      .max(7 * 24 * 3600)
      .optional(),
    /** The login must not be older, in seconds; API tokens, which have no login, do not fit. */
    reauth_seconds: secondsSchema.optional(),
    /** Approvals that have to be there: all of them. */
    approvals: z.array(approvalNeedSchema).max(8).optional(),
    not_before: timeSchema.optional(),
    expires_at: timeSchema.optional(),
  })
  .superRefine((grant, { addIssue }) => {
    if (grant.effect !== 'deny') return
    for (const field of limitFields) {
      if (grant[field] !== undefined)
        addIssue({ code: 'custom', path: [field], message: 'limits what is allowed: a deny grant has none' })
    }
  })

const limitFields = [
  'operators',
  'redirects',
  'env',
  'stdin',
  'max_risk',
  'max_agents',
  'max_timeout_seconds',
  'reauth_seconds',
  'approvals',
] as const

/** What is allowed, or denied: see `grantSchema`. */
export type Grant = z.output<typeof grantSchema>
/** A grant as it is written: what is left out has its default. */
export type GrantInput = z.input<typeof grantSchema>

/** The names of roles of a policy; the four built-in ones mean what they always meant. */
export const roleNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, 'takes 1 to 64 letters, digits, and . _ - inside')

export const bindingSchema = z.strictObject({
  /** `user:ann`, `service:ci` or `group:sre`. */
  to: z
    .string()
    .max(320)
    .regex(/^(?:user|service|group):./s, 'takes user:, service: or group: and a name'),
  /** A role of this policy, or a built-in one. */
  role: roleNameSchema,
  expires_at: timeSchema.optional(),
})
export type Binding = z.infer<typeof bindingSchema>

export const policyTestSchema = z.strictObject({
  /** `user:ann`, `service:ci`, `group:sre` or `role:deployer`. */
  as: z
    .string()
    .max(320)
    .regex(/^(?:user|service|group|role):./s, 'takes user:, service:, group: or role: and a name'),
  action: actionSchema,
  /** Agents that are asked about: ids, or labels of which an agent is made up that has them. */
  agents: reachSchema,
  command: z
    .string()
    .min(1)
    .max(128 * 1024)
    .optional(),
  expect: z.enum(['allow', 'deny', 'approval']),
})
export type PolicyTest = z.infer<typeof policyTestSchema>

export const policySchema = z.strictObject({
  /** Role → its grants. Not `viewer`, `operator`, `admin` and `agent`, which are built in. */
  roles: z
    .record(roleNameSchema, z.array(grantSchema).max(policyLimits.grants))
    .refine(
      (roles) => Object.keys(roles).length <= policyLimits.roles,
      `takes ${policyLimits.roles} roles at most`,
    )
    .default({}),
  /** Who has which role, besides the roles of the account itself. */
  bindings: z.array(bindingSchema).max(policyLimits.bindings).default([]),
  /** What has to be true of it: a policy that fails one of them is not saved. */
  tests: z.array(policyTestSchema).max(policyLimits.tests).default([]),
})
/** Who may do what, where. */
export type AccessPolicy = z.output<typeof policySchema>
export type AccessPolicyInput = z.input<typeof policySchema>

/** What the policy says of a request. */
export const decisionSchema = z.object({
  verdict: z.enum(['allow', 'deny', 'approval']),
  /** The grant that decided, such as `deployer[2]`; absent where none fits. */
  grant: z.string().optional(),
  /** Why, as a sentence. */
  reason: z.string(),
  /** The agents that are refused, each with the reason. */
  per_agent: z.array(z.object({ agent_id: z.string(), reason: z.string() })).optional(),
  /** What has to be kept to. */
  obligations: z.object({
    max_timeout_seconds: z.number().optional(),
    approvals: z.array(approvalNeedSchema).optional(),
  }),
})
/** What the policy says of a request. */
export type Decision = z.infer<typeof decisionSchema>

/** The risk that counts: what could not be read is not known to be harmless. */
export function riskOf(level: z.infer<typeof riskLevelSchema>): Risk {
  return level === 'unknown' ? 'high' : level
}

function isAssigned(selector: Selector): boolean {
  if ('all' in selector || 'ids' in selector) return true
  if ('and' in selector) return selector.and.every(isAssigned)
  if ('or' in selector) return selector.or.every(isAssigned)
  if ('not' in selector) return isAssigned(selector.not)
  if (!('field' in selector)) return false
  const { field } = selector
  return (
    !(field.startsWith('fact.') || field.startsWith('info.') || reported.includes(field)) || field === 'id'
  )
}

/** Fields that an agent, or its link, says of itself. */
const reported = ['hostname', 'status', 'agent_version']
