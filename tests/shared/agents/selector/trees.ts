import fc from 'fast-check'
import type { SelectableAgent } from '../../../../src/shared/agents/selector/fields.js'
import { type Selector, targetOutcomeSchema } from '../../../../src/shared/agents/selector/tree.js'

/** Trees and agents for the laws of selectors. Few names and values, so that they meet. */

const id = fc.oneof(
  fc.constantFrom(
    'web-1',
    'web-2',
    'web-3',
    'web-09',
    'web-10',
    'all',
    'in1',
    'in2',
    '7',
    '8',
    '008',
    'a:b',
    'not',
  ),
  fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,12}$/),
)
const field = fc.constantFrom(
  'env',
  'role',
  'label.in',
  'app.io/name',
  'info.arch',
  'id',
  'hostname',
  'status',
)
const value = fc.oneof(
  fc.constantFrom(
    'prod',
    'web',
    '',
    'and',
    'a b',
    '"',
    "'",
    '\\',
    'x=y',
    '1.10',
    '1.9',
    '😀',
    '*',
    'a,b',
    '\n',
  ),
  fc.string({ maxLength: 8 }),
)

const leaf: fc.Arbitrary<Selector> = fc.oneof(
  fc.constant({ all: true } as const),
  fc.record({ ids: fc.array(id, { minLength: 1, maxLength: 5 }) }),
  comparison(),
)

function comparison(): fc.Arbitrary<Selector> {
  return fc.oneof(
    fc.record({
      field,
      op: fc.constantFrom('eq', 'ne', 'glob', 'lt', 'le', 'gt', 'ge'),
      values: fc.array(value, { minLength: 1, maxLength: 1 }),
    }),
    fc.record({
      field,
      op: fc.constantFrom('in', 'not_in'),
      values: fc.array(value, { minLength: 1, maxLength: 4 }),
    }),
    fc.record({ field, op: fc.constant('has' as const) }),
  )
}

const reference: fc.Arbitrary<Selector> = fc.oneof(
  fc.record({ set: fc.constantFrom('web', 'not', 'a.b-c') }),
  fc.record({
    run: fc.constantFrom('deploy-7', 'a:b'),
    outcomes: fc.array(fc.constantFrom(...targetOutcomeSchema.options), { minLength: 1, maxLength: 3 }),
  }),
)

/** Trees of these leaves; `fewest`: parts of an `and` or an `or`. */
function trees(leaves: fc.Arbitrary<Selector>, fewest: number): fc.Arbitrary<Selector> {
  const { node } = fc.letrec<{ node: Selector }>((tie) => {
    const parts = fc.array(tie('node'), { minLength: fewest, maxLength: 3 })
    return {
      node: fc.oneof(
        { maxDepth: 5, withCrossShrink: true },
        leaves,
        fc.record({ and: parts }),
        fc.record({ or: parts }),
        fc.record({ not: tie('node') }),
      ),
    }
  })
  return node
}

/** As a text can say them. */
export const writtenTree = trees(fc.oneof(leaf, reference), 2)
/** As a program can build them, of what is known without a context. */
export const builtTree = trees(leaf, 1)

export const anyAgent: fc.Arbitrary<SelectableAgent> = fc
  .record({
    agent_id: id,
    hostname: fc.constantFrom('web', 'db', ''),
    status: fc.constantFrom('connected' as const, 'disconnected' as const),
    labels: fc.dictionary(fc.constantFrom('env', 'role', 'in', 'app.io/name'), value),
  })
  .map((fields) => ({ ...fields, agent_info: infoOf('x64') }))

export function agent(labels: Record<string, string>, more: Partial<SelectableAgent> = {}): SelectableAgent {
  return {
    agent_id: 'web-1',
    hostname: 'host-1',
    status: 'connected',
    labels,
    agent_info: infoOf('x64'),
    ...more,
  }
}

export function infoOf(arch: string): SelectableAgent['agent_info'] {
  return {
    platform: 'Linux',
    version: '6.1.0-13-amd64',
    python: null,
    node: '20.19.0',
    ssh_enabled: false,
    ssh_target: null,
    hostname: 'host-1',
    arch,
    agent_version: '1.10.0',
    max_concurrent_commands: 16,
  }
}
