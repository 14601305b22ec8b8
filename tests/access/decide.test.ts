import { describe, expect, test } from 'vitest'
import { compilePolicy } from '../../src/access/policy.js'
import type { AccessAgent, AccessRequest, CommandFacts, Subject } from '../../src/access/request.js'
import { actionSchema, roleMay } from '../../src/shared/access/actions.js'
import { roleSchema } from '../../src/shared/access/identity.js'
import { type AccessPolicyInput, type GrantInput, policySchema } from '../../src/shared/access/policy.js'

const NOW = Date.parse('2026-11-30T12:00:00Z')

const prod: AccessAgent = { agent_id: 'web-1', labels: { env: 'prod', role: 'web' } }
const staging: AccessAgent = { agent_id: 'web-2', labels: { env: 'staging', role: 'web' } }
const ann: Subject = { id: 'user:ann', roles: [], authenticated_at: NOW - 60_000 }

function compiled(input: AccessPolicyInput) {
  return compilePolicy(policySchema.parse(input))
}

/** A policy in which ann has these grants, as the role `deployer`. */
function granting(...grants: GrantInput[]) {
  return compiled({ roles: { deployer: grants }, bindings: [{ to: 'user:ann', role: 'deployer' }] })
}

function asking(command?: Partial<CommandFacts>, more: Partial<AccessRequest> = {}): AccessRequest {
  const facts: CommandFacts = {
    text: 'uptime',
    target: 'local',
    env: [],
    stdin: false,
    risk: () => 'low',
    ...command,
  }
  return { action: 'run.shell', now: NOW, command: command && facts, ...more }
}

const run = (command: Partial<CommandFacts> = {}) => asking(command)

describe('compilePolicy', () => {
  test('built-in roles allow what they always allowed when there is no policy', () => {
    const policy = compilePolicy(undefined)
    const unlimited = {
      env: ['ANY'],
      stdin: true,
      cwd: '/',
      timeout_seconds: 9999,
      risk: () => 'high' as const,
    }
    for (const role of roleSchema.options) {
      for (const action of actionSchema.options) {
        const { verdict } = policy.decide({ id: 'user:x', roles: [role] }, asking(unlimited, { action }), [
          prod,
        ])
        expect([role, action, verdict]).toEqual([role, action, roleMay(role, action) ? 'allow' : 'deny'])
      }
    }
  })

  test('a role that the policy does not define gives nothing', () => {
    const policy = compiled({ roles: {}, bindings: [{ to: 'user:ann', role: 'deployer' }] })
    expect(policy.decide({ ...ann, roles: ['toString', 'other'] }, run(), [prod]).verdict).toBe('deny')
  })

  test('a policy cannot change a built-in role when it defines one of its name', () => {
    const policy = compiled({ roles: { viewer: [{ actions: ['run.shell'], agents: 'all' }] } })
    expect(policy.decide({ ...ann, roles: ['viewer'] }, run(), [prod]).verdict).toBe('deny')
  })

  test('bindings give roles to accounts and groups until they end', () => {
    const policy = compiled({
      roles: { deployer: [{ actions: ['run.shell'], agents: 'all' }] },
      bindings: [
        { to: 'group:sre', role: 'deployer' },
        { to: 'user:ann', role: 'deployer', expires_at: '2026-11-30T12:00:01Z' },
      ],
    })
    expect(policy.decide({ id: 'user:bob', roles: [], groups: ['sre'] }, run(), [prod]).verdict).toBe('allow')
    expect(policy.decide({ id: 'user:bob', roles: [], groups: ['dev'] }, run(), [prod]).verdict).toBe('deny')
    expect(policy.decide(ann, run(), [prod]).verdict).toBe('allow')
    const late = policy.decide(ann, { ...run(), now: NOW + 1000 }, [prod])
    expect(late.verdict).toBe('deny')
    expect(late.reason).toContain('its binding ended at 2026-11-30T12:00:01.000Z')
  })
})

describe('decide', () => {
  test('a denial names the agent, what was asked, and the first condition of the nearest grant that fails', () => {
    const policy = granting(
      { actions: ['run.shell'], agents: 'env=staging' },
      { actions: ['run.shell'], agents: 'env=prod', stdin: true, max_risk: 'low' },
      { actions: ['run.shell'], agents: 'env=prod', targets: ['ssh'] },
    )
    expect(policy.decide(ann, run({ risk: () => 'high' }), [prod])).toEqual({
      verdict: 'deny',
      reason:
        'run.shell on web-1 is not allowed: deployer[1] comes nearest, but it allows a risk of low at most, and the command has high.',
      per_agent: [
        {
          agent_id: 'web-1',
          reason:
            'run.shell on web-1 is not allowed: deployer[1] comes nearest, but it allows a risk of low at most, and the command has high.',
        },
      ],
      obligations: {},
    })
  })

  test('a request is refused whole when one agent refuses it, and names only those that do', () => {
    const policy = granting({ actions: ['run.shell'], agents: 'env=staging' })
    const { verdict, reason, per_agent } = policy.decide(ann, run(), [prod, staging])
    expect(verdict).toBe('deny')
    expect(per_agent).toEqual([{ agent_id: 'web-1', reason }])
    expect(reason).toBe(
      'run.shell on web-1 is not allowed: deployer[0] comes nearest, but its agents (env=staging) do not include web-1.',
    )
  })

  test('an account without a grant for the action reads so', () => {
    const { reason } = granting().decide(ann, run(), [prod])
    expect(reason).toBe('run.shell on web-1 is not allowed: user:ann has no grant for run.shell.')
  })

  test('a deny wins over a grant of another role', () => {
    const policy = compiled({
      roles: { no: [{ effect: 'deny', actions: ['run.shell'], agents: 'env=prod' }] },
      bindings: [{ to: 'user:ann', role: 'no' }],
    })
    const operator = { ...ann, roles: ['operator'] }
    const denied = policy.decide(operator, run(), [prod])
    expect(denied).toMatchObject({ verdict: 'deny', grant: 'no[0]' })
    expect(denied.reason).toBe('run.shell on web-1 is not allowed: no[0] denies it.')
    expect(policy.decide(operator, run(), [staging])).toMatchObject({ verdict: 'allow', grant: 'operator' })
  })

  const limits: [string, Partial<GrantInput>, Partial<CommandFacts>, Partial<CommandFacts>, string][] = [
    ['targets', { targets: ['local'] }, { target: 'local' }, { target: 'ssh' }, 'the target ssh'],
    [
      'cwd',
      { cwd: ['/srv/app'] },
      { cwd: '/srv/x/../app/y' },
      { cwd: '/srv/app/../x' },
      'and not “/srv/app/../x”',
    ],
    ['cwd that none is named', { cwd: ['/srv'] }, { cwd: '/srv' }, {}, 'the request names none'],
    ['cwd of a longer name', { cwd: ['/srv'] }, { cwd: '/srv/' }, { cwd: '/srvx' }, 'and not “/srvx”'],
    ['relative cwd', { cwd: ['/srv'] }, { cwd: '/srv' }, { cwd: 'srv' }, 'and not “srv”'],
    [
      'env',
      { env: ['LC_*'] },
      { env: ['LC_ALL'] },
      { env: ['LC_ALL', 'LD_PRELOAD'] },
      'the variable “LD_PRELOAD”',
    ],
    ['env without any', {}, {}, { env: ['A'] }, 'the variable “A”'],
    ['stdin', { stdin: true }, { stdin: true }, {}, ''],
    ['no stdin', {}, {}, { stdin: true }, 'a standard input'],
    [
      'max_risk',
      { max_risk: 'low' },
      { risk: () => 'low' },
      { risk: () => 'medium' },
      'a risk of low at most',
    ],
    ['usual max_risk', {}, { risk: () => 'medium' }, { risk: () => 'high' }, 'a risk of medium at most'],
    [
      'time limit',
      { max_timeout_seconds: 60 },
      { timeout_seconds: 60 },
      { timeout_seconds: 61 },
      'asks for 61 s',
    ],
  ]
  test.each(limits)('a grant is limited by %s', (_, grant, good, bad, says) => {
    const policy = granting({ actions: ['run.shell'], agents: 'all', ...grant })
    expect(policy.decide(ann, run(good), [prod]).verdict).toBe('allow')
    if (says === '') return
    const denied = policy.decide(ann, run(bad), [prod])
    expect(denied.verdict).toBe('deny')
    expect(denied.reason).toContain(says)
  })

  test('a time limit is an obligation, the shortest one of all agents', () => {
    const policy = granting(
      { actions: ['run.shell'], agents: 'env=prod', max_timeout_seconds: 60 },
      { actions: ['run.shell'], agents: 'env=staging', max_timeout_seconds: 10 },
      { actions: ['run.shell'], agents: 'env=staging', max_timeout_seconds: 300 },
    )
    expect(policy.decide(ann, run(), [prod]).obligations).toEqual({ max_timeout_seconds: 60 })
    expect(policy.decide(ann, run(), [staging])).toMatchObject({
      grant: 'deployer[2]',
      obligations: { max_timeout_seconds: 300 },
    })
    expect(policy.decide(ann, run(), [staging, prod]).obligations).toEqual({ max_timeout_seconds: 60 })
  })

  test('agents of a whole request count where fewer are asked about', () => {
    const policy = granting({ actions: ['run.shell'], agents: 'all', max_agents: 2 })
    expect(policy.decide(ann, run(), [prod, staging]).verdict).toBe('allow')
    const denied = policy.decide(ann, { ...run(), count: 3 }, [prod])
    expect(denied.reason).toContain('it allows 2 agents in one request, and this one is for 3')
  })

  test('a grant that asks for a fresh login takes no older one, and no token', () => {
    const policy = granting({ actions: ['policy.manage'], agents: 'all', reauth_seconds: 60 })
    const request: AccessRequest = { action: 'policy.manage', now: NOW }
    expect(policy.decide(ann, request, []).verdict).toBe('allow')
    expect(policy.decide(ann, { ...request, now: NOW + 1 }, []).reason).toContain('a login of the last 60 s')
    const { authenticated_at: _, ...token } = ann
    expect(policy.decide(token, request, []).reason).toContain('a login with a password')
  })

  test('approvals are asked for when they apply, and not where another grant allows outright', () => {
    const needs = { needed: 2, from: ['group:sre'] }
    const policy = granting({
      actions: ['run.shell'],
      agents: 'all',
      max_risk: 'high',
      approvals: [{ ...needs, when: { risk: 'high', over_agents: 1 } }],
    })
    const high = run({ risk: () => 'high' })
    expect(policy.decide(ann, high, [prod]).verdict).toBe('allow')
    expect(policy.decide(ann, run(), [prod, staging]).verdict).toBe('allow')
    const waiting = policy.decide(ann, high, [prod, staging])
    expect(waiting).toMatchObject({ verdict: 'approval', grant: 'deployer[0]' })
    expect(waiting.obligations.approvals).toMatchObject([needs])
    expect(waiting.reason).toBe('deployer[0] allows run.shell on web-1 with approvals: 2 of group:sre.')
    expect(policy.decide({ ...ann, roles: ['operator'] }, high, [prod, staging])).toMatchObject({
      verdict: 'allow',
      grant: 'operator',
      obligations: {},
    })
  })

  test('two grants never add up to what neither allows', () => {
    const policy = granting(
      { actions: ['run.shell'], agents: 'env=prod', stdin: true },
      { actions: ['run.shell'], agents: 'env=prod', env: ['*'] },
    )
    expect(policy.decide(ann, run({ stdin: true }), [prod]).verdict).toBe('allow')
    expect(policy.decide(ann, run({ env: ['A'] }), [prod]).verdict).toBe('allow')
    expect(policy.decide(ann, run({ env: ['A'], stdin: true }), [prod]).verdict).toBe('deny')
  })

  test('each list that narrows an account has to allow, and names its own grant', () => {
    const token = policySchema.parse({
      roles: { t: [{ actions: ['run.shell'], agents: 'env=staging', max_timeout_seconds: 5 }] },
    })
    const narrowed = [token.roles.t ?? []]
    const subject = { ...ann, roles: ['operator'], narrowed }
    const policy = compilePolicy(undefined)
    expect(policy.decide(subject, run(), [staging])).toMatchObject({
      verdict: 'allow',
      reason: 'operator and token[0] allow run.shell on web-2.',
      obligations: { max_timeout_seconds: 5 },
    })
    expect(policy.decide(subject, run(), [prod]).reason).toContain('token[0] comes nearest')
    expect(policy.decide({ ...subject, roles: ['viewer'] }, run(), [staging]).verdict).toBe('deny')
    expect(policy.decide({ ...subject, narrowed: [[]] }, run(), [staging]).reason).toContain(
      'the token has no grant for run.shell',
    )
  })

  test('what an agent may be called or labelled changes nothing when the selector reads something else', () => {
    const policy = granting(
      { actions: ['run.shell'], agents: 'web-1' },
      { actions: ['run.shell'], agents: 'label.id=x' },
    )
    expect(
      policy.decide(ann, run(), [{ agent_id: 'web-9', labels: { id: 'web-1', agent_id: 'web-1' } }]).verdict,
    ).toBe('deny')
    expect(policy.decide(ann, run(), [{ agent_id: 'x', labels: {} }]).verdict).toBe('deny')
    expect(policy.decide(ann, run(), [{ agent_id: 'y', labels: { id: 'x' } }]).verdict).toBe('allow')
  })
})

describe('decide without agents', () => {
  const request: AccessRequest = { action: 'run.shell', now: NOW }

  test('says whether there is any agent where the action could be allowed', () => {
    expect(granting({ actions: ['run.shell'], agents: 'env=prod' }).decide(ann, request, [])).toMatchObject({
      verdict: 'allow',
      reason: 'deployer[0] allows run.shell.',
    })
    const denied = granting().decide(ann, request, [])
    expect(denied).toEqual({
      verdict: 'deny',
      reason: 'run.shell is not allowed: user:ann has no grant for run.shell.',
      obligations: {},
    })
  })

  test('a deny for other agents does not count, one for all of them does', () => {
    const allow: GrantInput = { actions: ['run.shell'], agents: 'env=prod' }
    const denying = (agents: string): GrantInput => ({ effect: 'deny', actions: ['run.shell'], agents })
    expect(granting(allow, denying('role=db')).decide(ann, request, []).verdict).toBe('allow')
    expect(granting(allow, denying('all')).decide(ann, request, []).verdict).toBe('deny')
    expect(granting(allow, denying('env in (prod, staging)')).decide(ann, request, []).verdict).toBe('deny')
  })
})

describe('reach and asksCommand', () => {
  test('reach says all only where no agent has to be tested', () => {
    const operator = { ...ann, roles: ['operator'] }
    expect(compilePolicy(undefined).reach(operator, 'run.shell', NOW).all).toBe(true)
    const denying = granting({ effect: 'deny', actions: ['run.shell'], agents: 'env=prod' })
    const reach = denying.reach(operator, 'run.shell', NOW)
    expect([reach.all, reach.test(prod), reach.test(staging)]).toEqual([false, false, true])
    const narrowed = {
      ...operator,
      narrowed: [
        policySchema.parse({ roles: { t: [{ actions: ['run.shell'], agents: 'env=prod' }] } }).roles.t ?? [],
      ],
    }
    const own = compilePolicy(undefined).reach(narrowed, 'run.shell', NOW)
    expect([own.all, own.test(prod), own.test(staging)]).toEqual([false, true, false])
  })

  test('a decision asks for the command only where a grant on this agent depends on it', () => {
    const policy = granting({ actions: ['run.shell'], agents: 'env=prod' })
    expect(policy.asksCommand(ann, 'run.shell', prod)).toBe(true)
    // Denied there in any case.
    expect(policy.asksCommand(ann, 'run.shell', staging)).toBe(false)
    const operator = { ...ann, roles: ['operator'] }
    expect(policy.asksCommand(operator, 'run.shell', prod)).toBe(false)
    const denying = granting({
      effect: 'deny',
      actions: ['run.shell'],
      agents: 'env=prod',
      commands: [{ argv: ['reboot'] }],
    })
    expect(denying.asksCommand(operator, 'run.shell', prod)).toBe(true)
    expect(denying.asksCommand(operator, 'run.shell', staging)).toBe(false)
  })

  test('the guard is not asked for a risk when no grant depends on it', () => {
    const risk = () => {
      throw new Error('asked')
    }
    const policy = compilePolicy(undefined)
    expect(policy.decide({ ...ann, roles: ['operator'] }, run({ risk }), [prod, staging]).verdict).toBe(
      'allow',
    )
    expect(() =>
      granting({ actions: ['run.shell'], agents: 'all' }).decide(ann, run({ risk }), [prod]),
    ).toThrow('asked')
  })
})
