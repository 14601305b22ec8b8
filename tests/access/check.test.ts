import { describe, expect, test } from 'vitest'
import { checkPolicy, hasManager } from '../../src/access/check.js'
import { type AccessPolicyInput, type GrantInput, policySchema } from '../../src/shared/access/policy.js'

const NOW = Date.parse('2026-11-30T12:00:00Z')
const deployer: GrantInput = {
  actions: ['run.shell'],
  agents: 'env=prod and role in (web, db)',
  commands: [{ argv: ['systemctl', 'restart', { glob: '*' }] }],
}

function check(input: AccessPolicyInput) {
  return checkPolicy(policySchema.parse(input), NOW)
}

type TestInput = NonNullable<AccessPolicyInput['tests']>[number]

const testing = (...tests: TestInput[]) =>
  check({
    roles: {
      deployer: [deployer],
      web: [{ ...deployer, agents: 'web-1+web-2', commands: undefined, max_risk: 'low' }],
    },
    bindings: [
      { to: 'user:ann', role: 'deployer' },
      { to: 'group:sre', role: 'deployer' },
      { to: 'service:ci', role: 'web' },
    ],
    tests,
  })

describe('checkPolicy', () => {
  test('finds nothing wrong with tests that hold', () => {
    const restart = { action: 'run.shell' as const, command: 'systemctl restart nginx' }
    expect(
      testing(
        { as: 'user:ann', agents: 'env=prod and role=web', ...restart, expect: 'allow' },
        { as: 'group:sre', agents: 'env=prod and role=db', ...restart, expect: 'allow' },
        { as: 'role:deployer', agents: 'role in (web, db) and env=prod', ...restart, expect: 'allow' },
        { as: 'role:admin', agents: 'all', action: 'policy.manage', expect: 'allow' },
        { as: 'user:bob', agents: 'env=prod and role=web', ...restart, expect: 'deny' },
        { as: 'user:ann', agents: 'env=prod', ...restart, expect: 'deny' },
        { as: 'user:ann', agents: 'all', ...restart, expect: 'deny' },
        {
          as: 'user:ann',
          agents: 'env=prod and role=web',
          action: 'run.shell',
          command: 'reboot',
          expect: 'deny',
        },
        { as: 'service:ci', agents: 'web-[1-2]', action: 'run.shell', command: 'uptime', expect: 'allow' },
        { as: 'service:ci', agents: 'web-1', action: 'run.shell', command: 'rm -rf /', expect: 'deny' },
        { as: 'service:ci', agents: 'web-[1-3]', action: 'run.shell', expect: 'deny' },
        { as: 'user:ann', agents: 'env ~ prod* and role=web', ...restart, expect: 'allow' },
        {
          as: 'user:ann',
          agents: 'has zone and env=prod and role != db and role=web',
          ...restart,
          expect: 'allow',
        },
      ),
    ).toEqual([])
  })

  test('names each test that fails, and why', () => {
    const issues = testing(
      { as: 'user:ann', agents: 'env=staging', action: 'run.shell', expect: 'deny' },
      { as: 'user:ann', agents: 'env=staging', action: 'run.shell', expect: 'allow' },
      { as: 'user:ann', agents: 'env=prod and role=web', action: 'run.shell', expect: 'deny' },
    )
    expect(issues.map(({ loc }) => loc)).toEqual([
      ['tests', 1],
      ['tests', 2],
    ])
    expect(issues[0]?.msg).toBe(
      'expects allow, and it is deny: run.shell on agent-1 is not allowed: deployer[0] comes nearest, but its agents (env=prod and role in (web, db)) do not include agent-1.',
    )
    expect(issues[1]?.msg).toBe('expects deny, and it is allow: deployer[0] allows run.shell on agent-1.')
  })

  test('refuses built-in names, unknown roles and selectors for which no agent can be made up', () => {
    const issues = check({
      roles: { admin: [], deployer: [] },
      bindings: [
        { to: 'user:ann', role: 'viewer' },
        { to: 'user:ann', role: 'deploier' },
      ],
      tests: [
        { as: 'role:nothing', agents: 'all', action: 'run.shell', expect: 'deny' },
        { as: 'user:ann', agents: 'env=a and env=b', action: 'run.shell', expect: 'deny' },
      ],
    })
    expect(issues.map(({ loc, msg }) => [loc.join('.'), msg])).toEqual([
      ['roles.admin', 'admin is a built-in role: choose another name'],
      ['bindings.1.role', 'user:ann gets deploier, which is no role of this policy'],
      ['tests.0', 'nothing is no role of this policy'],
      ['tests.1', 'no agent could be made up that fits the selector: name ids, or labels with their values'],
    ])
  })
})

describe('hasManager', () => {
  const managing = (
    grant: Partial<GrantInput>,
    bindings: AccessPolicyInput['bindings'],
    ...more: GrantInput[]
  ) =>
    hasManager(
      policySchema.parse({
        roles: { manager: [{ actions: ['policy.manage'], agents: 'all', ...grant }, ...more], empty: [] },
        bindings,
      }),
      false,
    )
  const ann = [{ to: 'user:ann', role: 'manager' }]

  test('finds an account that can manage the policy', () => {
    expect(managing({}, ann)).toBe(true)
    expect(managing({}, [{ to: 'group:sre', role: 'manager' }])).toBe(true)
    expect(managing({}, [{ to: 'user:ann', role: 'admin' }])).toBe(true)
    expect(hasManager(policySchema.parse({}), true)).toBe(true)
  })

  test('finds none where a right is limited, ends, is denied or is given to no account', () => {
    expect(hasManager(policySchema.parse({}), false)).toBe(false)
    expect(managing({}, [])).toBe(false)
    expect(managing({}, [{ to: 'user:ann', role: 'empty' }])).toBe(false)
    expect(managing({}, [{ to: 'user:ann', role: 'manager', expires_at: '2030-01-01T00:00:00Z' }])).toBe(
      false,
    )
    expect(managing({ agents: 'env=prod' }, ann)).toBe(false)
    expect(managing({ expires_at: '2030-01-01T00:00:00Z' }, ann)).toBe(false)
    expect(managing({ approvals: [{ needed: 1, from: ['user:bob'] }] }, ann)).toBe(false)
    expect(managing({}, ann, { effect: 'deny', actions: ['policy.manage'], agents: 'env=prod' })).toBe(false)
  })
})
