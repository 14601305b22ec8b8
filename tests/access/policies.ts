import fc from 'fast-check'
import type { AccessAgent, AccessRequest, Subject } from '../../src/access/request.js'
import type { Action } from '../../src/shared/access/actions.js'
import { type AccessPolicy, type Grant, policySchema, type Risk } from '../../src/shared/access/policy.js'
import type { Readings } from './oracle.js'

/** Random policies, subjects and requests from so small a world that they often meet. */

const NOW = Date.parse('2026-11-30T12:00:00Z')

const actions: Action[] = ['run.shell', 'agents.view', 'policy.manage']
const roleNames = ['deployer', 'reader', 'night']
const times = ['2026-11-30T11:00:00Z', '2026-11-30T13:00:00Z']
/** What runs in each command of these tests, worked out by hand; undefined for one that is not read. */
export const readings: Readings = {
  uptime: { words: [['uptime']], operators: [] },
  'ls /srv': { words: [['ls', '/srv']], operators: [] },
  'uptime | wc -l': { words: [['uptime'], ['wc', '-l']], operators: ['|'] },
  'systemctl restart nginx': { words: [['systemctl', 'restart', 'nginx']], operators: [] },
  'sudo systemctl restart nginx': {
    words: [
      ['sudo', 'systemctl', 'restart', 'nginx'],
      ['systemctl', 'restart', 'nginx'],
    ],
    operators: [],
  },
  'echo $HOME': undefined,
}

const few = <T>(...values: T[]) => fc.subarray(values, { minLength: 1, maxLength: 2 })
/** Mostly nothing: a grant with every condition fits no request. */
const maybe = <T>(values: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values })

const risk = fc.constantFrom<Risk>('low', 'medium', 'high')

const agentSelectors = fc.constantFrom(
  'all',
  'a',
  'a+b',
  'env=prod',
  'env=staging',
  'env=prod and role=web',
  'role in (web, db)',
  'not env=prod',
  'env=prod or role=db',
  'has role',
  'label.env ~ p*',
)

const commandRules = fc.constantFrom(
  { argv: ['uptime'] },
  { argv: ['wc', '-l'] },
  { argv: ['ls'], rest: { path_under: '/srv' } },
  { argv: ['systemctl', { one_of: ['restart', 'status'] }, { glob: '*' }] },
  { argv: ['sudo'], rest: { glob: '*' } },
  { exact: 'echo $HOME' },
)

const approvals = fc.constantFrom(
  [{ needed: 1, from: ['group:sre'] }],
  [{ needed: 2, from: ['group:sre'], when: { risk: 'high' as const } }],
  [{ needed: 1, from: ['group:sre'], when: { over_agents: 1 } }],
)

const base = { actions: few(...actions), agents: agentSelectors }
const about = {
  commands: maybe(fc.array(commandRules, { minLength: 1, maxLength: 3 })),
  targets: maybe(few<'local' | 'ssh'>('local', 'ssh')),
  cwd: maybe(few('/srv', '/srv/app')),
  not_before: maybe(fc.constantFrom(...times)),
  expires_at: maybe(fc.constantFrom(...times)),
}
const limits = {
  operators: maybe(fc.subarray<'|' | ';'>(['|', ';'])),
  env: maybe(few('*', 'A', 'B*')),
  stdin: maybe(fc.boolean()),
  max_risk: fc.constantFrom<Risk | undefined>(undefined, 'low', 'medium', 'high', 'high'),
  max_agents: maybe(fc.integer({ min: 1, max: 3 })),
  max_timeout_seconds: maybe(fc.constantFrom(10, 60)),
  reauth_seconds: maybe(fc.constantFrom(60, 7200)),
  approvals: maybe(approvals),
}

/** Grants as they are written. */
const grantInputs = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ effect: fc.constant('allow' as const), ...base, ...about, ...limits }),
  },
  { weight: 1, arbitrary: fc.record({ effect: fc.constant('deny' as const), ...base, ...about }) },
)

const bindings = fc.record({
  to: fc.constantFrom('user:ann', 'user:bob', 'group:sre'),
  role: fc.constantFrom(...roleNames, 'viewer', 'unknown'),
  expires_at: maybe(fc.constantFrom(...times)),
})

export const policies: fc.Arbitrary<AccessPolicy> = fc
  .record({
    roles: fc.dictionary(fc.constantFrom(...roleNames), fc.array(grantInputs, { maxLength: 6 })),
    bindings: fc.array(bindings, { maxLength: 4 }),
  })
  .map((policy) => policySchema.parse(policy))

export const grants: fc.Arbitrary<Grant> = grantInputs.map((grant) => {
  const [parsed] = policySchema.parse({ roles: { one: [grant] } }).roles.one ?? []
  if (!parsed) throw new Error('a grant was lost')
  return parsed
})

export const subjects: fc.Arbitrary<Subject> = fc.record({
  id: fc.constantFrom('user:ann', 'user:bob'),
  roles: fc.subarray([...roleNames, 'operator']),
  groups: fc.constantFrom(undefined, [], ['sre']),
  authenticated_at: fc.constantFrom(undefined, NOW - 30_000, NOW - 600_000),
})

export const accessAgents: fc.Arbitrary<AccessAgent> = fc.record({
  agent_id: fc.constantFrom('a', 'b', 'c'),
  labels: fc.record(
    { env: fc.constantFrom('prod', 'staging'), role: fc.constantFrom('web', 'db') },
    { requiredKeys: [] },
  ),
})

export const requests: fc.Arbitrary<AccessRequest> = fc.record({
  action: fc.constantFrom(...actions),
  count: fc.constantFrom(undefined, undefined, 3),
  now: fc.constant(NOW),
  command: fc.option(
    fc.record({
      text: fc.constantFrom(...Object.keys(readings)),
      target: fc.constantFrom('local', 'ssh'),
      env: fc.constantFrom([], ['A'], ['B1', 'A']),
      stdin: fc.constantFrom(false, false, true),
      cwd: fc.constantFrom(undefined, '/srv', '/srv/app/../app', '/etc'),
      timeout_seconds: fc.constantFrom(undefined, 10, 30),
      risk: risk.map((found) => () => found),
    }),
    { nil: undefined },
  ),
})
