import * as z from 'zod'
import type { Selector } from '../agents/selector/tree.js'
import { selectorSchema } from '../agents/selector.js'
import type { riskLevelSchema } from '../analysis/analysis.js'
import { actionSchema } from './actions.js'

/** What is allowed or denied: one grant, and the rules for commands in it. */

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
export const timeSchema = z.iso.datetime({ error: 'takes a time in UTC, such as 2026-11-30T12:00:00Z' })
const secondsSchema = z
  .number()
  .int()
  .min(1)
  .max(366 * 24 * 3600)
const literalSchema = z.string().min(1).max(policyLimits.word)

/** One word of a command: itself, or what it has to fit. */
export const wordRuleSchema = z.union([
  literalSchema,
  z.strictObject({
    /** One of these words. */
    one_of: z.array(literalSchema).min(1).max(policyLimits.rules).describe('One of these words.'),
  }),
  z.strictObject({
    /** A pattern of one word: `*` fits any characters but `/`, and `?` one of them. */
    glob: z
      .string()
      .min(1)
      .max(256)
      .describe('A pattern of one word: `*` fits any characters but `/`, and `?` one of them.'),
  }),
  z.strictObject({
    /** A whole number in decimal. */
    int: z
      .strictObject({
        /** The least that fits. */
        min: z.number().int().describe('The least that fits.'),
        /** The most that fits. */
        max: z.number().int().describe('The most that fits.'),
      })
      .describe('A whole number in decimal.'),
  }),
  z.strictObject({
    /** An absolute path at or below this one, after `.` and `..` are resolved. */
    path_under: z
      .string()
      .startsWith('/')
      .max(policyLimits.word)
      .describe('An absolute path at or below this one, after `.` and `..` are resolved.'),
  }),
])
/** One word of a command: see `wordRuleSchema`. */
export type WordRule = z.infer<typeof wordRuleSchema>

/** What one simple command has to fit. */
export const commandRuleSchema = z.union([
  z.strictObject({
    /** A call of a typed contract: `name@version`, or `name` for any version. */
    contract: z
      .string()
      .min(1)
      .max(256)
      .describe('A call of a typed contract: `name@version`, or `name` for any version.'),
  }),
  z.strictObject({
    /** The whole text of the command, character by character. */
    exact: z
      .string()
      .min(1)
      .max(128 * 1024)
      .describe('The whole text of the command, character by character.'),
  }),
  z.strictObject({
    /** The words of a simple command, one rule each. */
    argv: z
      .array(wordRuleSchema)
      .min(1)
      .max(policyLimits.rules)
      .describe('The words of a simple command, one rule each.'),
    /** What each further word has to fit; absent: there may be none. */
    rest: wordRuleSchema.optional().describe('What each further word has to fit; absent: there may be none.'),
    /** The most words that the command may have; 64. */
    max_words: z
      .number()
      .int()
      .min(1)
      .max(4096)
      .default(64)
      .describe('The most words that the command may have.'),
  }),
])
/** What one simple command has to fit: see `commandRuleSchema`. */
export type CommandRule = z.infer<typeof commandRuleSchema>

/** Approvals that a grant asks for; collecting them is not supported yet, so that such a grant allows nothing by itself. */
export const approvalNeedSchema = z.strictObject({
  /** How many people have to approve. */
  needed: z.number().int().min(1).max(5).describe('How many people have to approve.'),
  /** Who may: `user:…`, `group:…` or `role:…`. */
  from: z
    .array(z.string().min(1).max(256))
    .min(1)
    .max(policyLimits.rules)
    .describe('Who may: `user:…`, `group:…` or `role:…`.'),
  /** When it is asked for; absent: always. */
  when: z
    .strictObject({
      risk: riskSchema.describe('From this risk on.'),
      over_agents: z.number().int().min(0).describe('With more agents than this.'),
    })
    .partial()
    .optional()
    .describe('When it is asked for; absent: always.'),
  /** How long an approval holds, in seconds. */
  valid_seconds: secondsSchema.default(3600).describe('How long an approval holds, in seconds.'),
})
/** Approvals that a grant asks for. */
export type ApprovalNeed = z.infer<typeof approvalNeedSchema>

const ASSIGNED =
  'takes all, ids, and labels that were assigned (env=prod): not what an agent says of itself, no sets and no runs'

/** Agents by id and by assigned label: what an agent says of itself does not count. */
export const reachSchema: z.ZodType<Selector, string | Selector> = selectorSchema.refine(isAssigned, ASSIGNED)

const grantFields = {
  /** Whether it allows or denies; allow. */
  effect: z.enum(['allow', 'deny']).default('allow').describe('Whether it allows or denies; allow.'),
  /** What may be done. */
  actions: z.array(actionSchema).min(1).max(policyLimits.rules).describe('What may be done.'),
  /** Commands that may run; absent: any. */
  commands: z
    .array(commandRuleSchema)
    .min(1)
    .max(policyLimits.rules)
    .optional()
    .describe('Commands that may run; absent: any.'),
  /** Operators that may join commands that fit; binds only beside `commands`. */
  operators: z
    .array(z.enum(['|', '&&', '||', ';']))
    .max(4)
    .optional()
    .describe('Operators that may join commands that fit; binds only beside `commands`.'),
  /** Files that the shell may write or read for them; binds only beside `commands`. */
  redirects: z
    .enum(['none', 'dev_null', 'any'])
    .optional()
    .describe('Files that the shell may write or read for them; binds only beside `commands`.'),
  /** Where on an agent; absent: both. */
  targets: z
    .array(z.enum(['local', 'ssh']))
    .min(1)
    .max(2)
    .optional()
    .describe('Where on an agent; absent: both.'),
  /** Names of variables that a request may set; `*` fits any characters; none. */
  env: z
    .array(z.string().min(1).max(256))
    .max(policyLimits.rules)
    .optional()
    .describe('Names of variables that a request may set; `*` fits any characters; none.'),
  /** Whether a request may bring a standard input; no. */
  stdin: z.boolean().optional().describe('Whether a request may bring a standard input; no.'),
  /** Folders at or below which a request may run; absent: any, and the agent's own. */
  cwd: z
    .array(z.string().startsWith('/').max(policyLimits.word))
    .min(1)
    .max(policyLimits.rules)
    .optional()
    .describe("Folders at or below which a request may run; absent: any, and the agent's own."),
  /** The highest risk that the guard may find; medium. */
  max_risk: riskSchema.optional().describe('The highest risk that the guard may find; medium.'),
  /** Agents in one request; absent: any number. */
  max_agents: z.number().int().min(1).optional().describe('Agents in one request; absent: any number.'),
  /** The longest time limit of a command, in seconds; one that asks for none gets this one. */
  max_timeout_seconds: z
    .number()
    .positive()
    .max(7 * 24 * 3600)
    .optional()
    .describe('The longest time limit of a command, in seconds; one that asks for none gets this one.'),
  /** The login must not be older, in seconds; API tokens, which have no login, do not fit. */
  reauth_seconds: secondsSchema
    .optional()
    .describe('The login must not be older, in seconds; API tokens, which have no login, do not fit.'),
  /** Approvals that have to be there: all of them. */
  approvals: z
    .array(approvalNeedSchema)
    .max(8)
    .optional()
    .describe('Approvals that have to be there: all of them.'),
  /** Not before this time. */
  not_before: timeSchema.optional().describe('Not before this time.'),
  /** Not from this time on. */
  expires_at: timeSchema.optional().describe('Not from this time on.'),
}

/**
 * One grant is one conjunction: it fits a request that meets everything that it says. A deny grant fits by what it is about
 * (`actions`, `agents`, `commands`, `targets`, `cwd`, times); its other fields are limits of what is allowed, and are refused
 * there.
 */
export const grantSchema = z
  .strictObject({
    ...grantFields,
    /** Where: a selector over ids and assigned labels. */
    agents: reachSchema.describe('Where: a selector over ids and assigned labels, as text or as a tree.'),
  })
  .superRefine((grant, { addIssue }) => {
    if (grant.effect !== 'deny') return
    for (const field of limitFields) {
      if (grant[field] !== undefined)
        addIssue({ code: 'custom', path: [field], message: 'limits what is allowed: a deny grant has none' })
    }
  })

/** A selector as replies show it. */
export const writtenReachSchema = z
  .union([z.string(), z.record(z.string(), z.unknown())])
  .describe('Where: a selector, as text, or as a tree where the text would be too long.')

/** A grant as replies show it. */
export const writtenGrantSchema = z.object({ ...grantFields, agents: writtenReachSchema })

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
export interface Grant extends z.output<z.ZodObject<typeof grantFields>> {
  /** Where: a selector over ids and assigned labels. */
  agents: Selector
}
/** A grant as it is written: what is left out has its default. */
export interface GrantInput extends z.input<z.ZodObject<typeof grantFields>> {
  /** Where: a selector over ids and assigned labels, as text or as a tree. */
  agents: string | Selector
}
/** A grant as replies show it. */
export interface WrittenGrant extends z.output<z.ZodObject<typeof grantFields>> {
  /** Where: a selector, as text, or as a tree where the text would be too long. */
  agents: z.output<typeof writtenReachSchema>
}

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
