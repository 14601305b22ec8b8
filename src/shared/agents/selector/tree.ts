import * as z from 'zod'
import { idSchema } from '../../commands/request.js'
import { commandStatusSchema } from '../../commands/result.js'
import { fieldFault } from './fields.js'

/** The tree that a selector's text is parsed to, and that programs may write themselves. */

export const selectorLimits = {
  /** Characters of a text. */
  text: 4096,
  /** Nodes above each other in a tree; parentheses inside each other in a text. */
  depth: 32,
  /** Ids of agents in one selector, ranges expanded. */
  ids: 10_000,
  /** All other parts of a tree: its nodes, and their values. A text has no room for more. */
  parts: 4096,
  /** Characters of a pattern of `~`: what matching costs grows with them. */
  glob: 256,
} as const

export const TOO_MANY_IDS = `names too many agents: ${selectorLimits.ids} at most`

/** How a run ended on one agent. `unexpected`: the exit code was good, and what the run expects beside it was not met. */
export const targetOutcomeSchema = z.enum([
  ...commandStatusSchema.options,
  'undelivered',
  'unexpected',
  'skipped',
])
export type TargetOutcome = z.infer<typeof targetOutcomeSchema>

export const selectorOperatorSchema = z.enum([
  'eq',
  'ne',
  'glob',
  'in',
  'not_in',
  'lt',
  'le',
  'gt',
  'ge',
  'has',
])
/** How a field is compared: in a text `=`, `!=`, `~`, `in`, `not in`, `<`, `<=`, `>`, `>=` and `has`. */
export type SelectorOperator = z.infer<typeof selectorOperatorSchema>

/** Which agents are meant: the same as a selector's text says, such as `env=prod and not role=db`. */
export type Selector =
  | AllSelector
  | IdsSelector
  | SetSelector
  | RunSelector
  | FieldSelector
  | AndSelector
  | OrSelector
  | NotSelector

/** Every agent: `all`. */
export interface AllSelector {
  /** Always true. */
  all: true
}

/** Agents by their ids: `web-1+web-2`, `web-[1-20,30]`. */
export interface IdsSelector {
  /** The ids, 1 to 10,000 in one selector. */
  ids: string[]
}

/** The agents of a saved set: `@web`. */
export interface SetSelector {
  /** The name of the set. */
  set: string
}

/** Agents on which a run of before ended so: `%deploy-7:error+lost`. */
export interface RunSelector {
  /** The id of the run. */
  run: string
  /** The outcomes that count, one at least. */
  outcomes: TargetOutcome[]
}

/** Agents by a field: `env=prod`, `role in (web, db)`, `info.arch ~ arm*`, `agent_version >= 1.10`, `has zone`. */
export interface FieldSelector {
  /**
   * A label's name, or `label.` and the name; `fact.` and a path; `info.` and a field of `agent_info`; `id`, `hostname`, `status`,
   * `agent_version`.
   */
  field: string
  /** How the field is compared. An agent without the field fits no operator. */
  op: SelectorOperator
  /** What it is compared with: none with `has`, one or more with `in` and `not_in`, else one; none. */
  values?: string[] | undefined
}

/** Agents that all of these mean. `a minus b` is `a and not b`. */
export interface AndSelector {
  /** The selectors, one at least. */
  and: Selector[]
}

/** Agents that any of these means. */
export interface OrSelector {
  /** The selectors, one at least. */
  or: Selector[]
}

/** Agents that this does not mean, those without its fields among them. */
export interface NotSelector {
  /** The selector. */
  not: Selector
}

const valueSchema = z.string().max(selectorLimits.text)
/** The name of a saved set. */
export const setNameSchema = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'takes 1 to 128 letters, digits, and . _ - inside')

const fieldNodeSchema = z
  .strictObject({
    field: z
      .string()
      .superRefine((name, { addIssue }) => {
        const fault = fieldFault(name)
        if (fault !== undefined) addIssue(fault)
      })
      .describe('A label, or `id`, `hostname`, `status`, `agent_version`, `info.` or `fact.` and a name.'),
    op: selectorOperatorSchema.describe('How the field is compared.'),
    values: z.array(valueSchema).optional().describe('What it is compared with; none with `has`.'),
  })
  .superRefine(({ op, values = [] }, { addIssue }) => {
    const message = valuesFault(op, values)
    if (message !== undefined) addIssue({ code: 'custom', path: ['values'], message })
  })

/** The shapes of a node, by the key that tells them apart. */
const shapes = {
  all: z.strictObject({ all: z.literal(true).describe('Every agent.') }),
  ids: z.strictObject({
    ids: z.array(idSchema).min(1).max(selectorLimits.ids).describe('Agents by their ids.'),
  }),
  set: z.strictObject({ set: setNameSchema.describe('The agents of a saved set.') }),
  run: z.strictObject({
    run: idSchema.describe('The id of a run of before.'),
    outcomes: z.array(targetOutcomeSchema).min(1).describe('The outcomes that count.'),
  }),
  field: fieldNodeSchema,
  and: z.strictObject({
    and: z
      .array(z.lazy(() => nodeSchema))
      .min(1)
      .describe('Agents that all of these mean.'),
  }),
  or: z.strictObject({
    or: z
      .array(z.lazy(() => nodeSchema))
      .min(1)
      .describe('Agents that any of these means.'),
  }),
  not: z.strictObject({ not: z.lazy(() => nodeSchema).describe('Agents that this does not mean.') }),
}
const keys = Object.keys(shapes)

/** A node of a tree, of which the bounds are not looked at. */
export const nodeSchema: z.ZodType<Selector, Selector> = z.lazy(() =>
  z.union(Object.values(shapes), { error: ({ input, errors }) => nodeFault(input, errors) }),
)

/** A tree: its bounds are seen before anything calls itself on it. */
export const selectorNodeSchema = z.preprocess((tree, { addIssue }) => {
  const fault = boundsFault(tree)
  if (fault !== undefined) addIssue(fault)
  return tree
  // What is no tree is refused: a caller writes one.
}, nodeSchema) as z.ZodType<Selector, Selector>

/** A node, and all below it. */
export function* nodesOf(selector: Selector): Generator<Selector, void> {
  yield selector
  for (const child of childrenOf(selector)) yield* nodesOf(child)
}

/** Why an operator does not go with these values; undefined where it does. */
export function valuesFault(op: SelectorOperator, values: string[]): string | undefined {
  if (op === 'has') return values.length === 0 ? undefined : 'has takes none'
  if (op === 'in' || op === 'not_in') return values.length > 0 ? undefined : `${op} takes one or more`
  if (values.length !== 1) return `${op} takes one`
  if (op !== 'glob' || (values[0] ?? '').length <= selectorLimits.glob) return undefined
  return `a pattern takes ${selectorLimits.glob} characters at most`
}

/** Why a tree is larger than one may be; undefined where it is not. Other faults are left to the schema. */
export function boundsFault(tree: unknown): string | undefined {
  const open = [{ node: tree, depth: 1 }]
  let ids = 0
  let parts = 0
  for (let next = open.pop(); next; next = open.pop()) {
    const { node, depth } = next
    if (depth > selectorLimits.depth) return `nests deeper than ${selectorLimits.depth} levels`
    if (typeof node !== 'object' || node === null) continue
    const named = 'ids' in node && Array.isArray(node.ids) ? node.ids.length : 0
    const values = 'values' in node && Array.isArray(node.values) ? node.values.length : 0
    ids += named
    parts += 1 + values
    if (ids > selectorLimits.ids) return TOO_MANY_IDS
    if (parts > selectorLimits.parts) return `has more than ${selectorLimits.parts} parts`
    for (const child of childrenOf(node)) open.push({ node: child, depth: depth + 1 })
  }
  return undefined
}

function childrenOf(node: Selector): Selector[]
function childrenOf(node: object): unknown[]
function childrenOf(node: object): unknown[] {
  if ('and' in node) return Array.isArray(node.and) ? node.and : []
  if ('or' in node) return Array.isArray(node.or) ? node.or : []
  return 'not' in node ? [node.not] : []
}

/** What is wrong with a node, by the shape that its key chooses: a union alone would say that none fits. */
function nodeFault(input: unknown, errors: z.core.$ZodIssue[][]): string {
  const at = typeof input === 'object' && input !== null ? keys.findIndex((key) => key in input) : -1
  const [issue] = errors[at] ?? []
  if (!issue) return `takes a tree, whose nodes have one of ${keys.join(', ')}`
  return [...issue.path.map(String), issue.message].join(': ')
}
