import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { mayDelegate } from '../../src/access/delegation.js'
import { compilePolicy } from '../../src/access/policy.js'
import type { Grant, GrantInput } from '../../src/shared/access/policy.js'
import { policySchema } from '../../src/shared/access/policy.js'
import { accessAgents, grants, policies, requests, subjects } from './policies.js'

const restart = { argv: ['systemctl', 'restart', { glob: '*' }] }
const held: GrantInput = {
  actions: ['run.shell', 'agents.view'],
  agents: 'env=prod and role in (web, db)',
  commands: [restart, { argv: ['uptime'] }, { contract: 'deploy' }],
  operators: ['|'],
  redirects: 'dev_null',
  env: ['LC_*', 'A'],
  cwd: ['/srv'],
  max_agents: 10,
  max_timeout_seconds: 60,
  expires_at: '2027-01-01T00:00:00Z',
}

function parsed(...inputs: GrantInput[]): Grant[] {
  return policySchema.parse({ roles: { r: inputs } }).roles.r ?? []
}

function mayGive(own: GrantInput[], given: Partial<GrantInput>): boolean {
  const policy = compilePolicy({ roles: { r: parsed(...own) }, bindings: [], tests: [] })
  return mayDelegate(policy, { id: 'user:ann', roles: ['r'] }, parsed({ ...held, ...given }))
}

describe('mayDelegate', () => {
  const within: [string, Partial<GrantInput>][] = [
    ['the same', {}],
    ['fewer actions', { actions: ['run.shell'] }],
    ['one more label', { agents: 'env=prod and role=web and zone=a' }],
    ['another order of labels', { agents: 'role in (db) and env=prod' }],
    ['an or of narrower parts', { agents: 'env=prod and role=web or env=prod and role=db' }],
    ['fewer commands', { commands: [{ argv: ['uptime'] }] }],
    ['a version of a contract', { commands: [{ contract: 'deploy@2' }] }],
    ['no operators', { operators: [], redirects: 'none' }],
    ['a variable of a pattern', { env: ['LC_ALL'] }],
    ['the pattern itself', { env: ['LC_*'] }],
    ['a folder below', { cwd: ['/srv/app'] }],
    ['lower limits', { max_agents: 1, max_timeout_seconds: 1, max_risk: 'low' }],
    ['an earlier end', { expires_at: '2026-12-01T00:00:00Z' }],
    ['approvals besides', { approvals: [{ needed: 1, from: ['group:sre'] }] }],
    ['a deny of anything', { effect: 'deny', ...without(), agents: 'all' }],
  ]
  test.each(within)('allows %s', (_, given) => {
    expect(mayGive([held], given)).toBe(true)
  })

  const beyond: [string, Partial<GrantInput>][] = [
    ['another action', { actions: ['run.shell', 'policy.manage'] }],
    ['all agents', { agents: 'all' }],
    ['fewer labels', { agents: 'env=prod' }],
    ['another label', { agents: 'env=prod and role=cache' }],
    ['ids, whose labels may be any', { agents: 'web-1' }],
    ['an or with one part beyond', { agents: 'env=prod and role=web or role=db' }],
    ['another command', { commands: [restart, { argv: ['reboot'] }] }],
    ['any command', { commands: undefined }],
    ['another operator', { operators: ['|', ';'] }],
    ['more redirections', { redirects: 'any' }],
    ['another variable', { env: ['B'] }],
    ['a wider pattern', { env: ['L*'] }],
    ['another folder', { cwd: ['/srv', '/etc'] }],
    ['a folder above by dots', { cwd: ['/srv/../etc'] }],
    ['any folder', { cwd: undefined }],
    ['a standard input', { stdin: true }],
    ['a higher risk', { max_risk: 'high' }],
    ['more agents', { max_agents: 11 }],
    ['any number of agents', { max_agents: undefined }],
    ['a longer time limit', { max_timeout_seconds: 61 }],
    ['no end', { expires_at: undefined }],
    ['a later end', { expires_at: '2027-01-02T00:00:00Z' }],
  ]
  test.each(beyond)('refuses %s', (_, given) => {
    expect(mayGive([held], given)).toBe(false)
  })

  test('takes ids out of ids, and anything out of all', () => {
    expect(mayGive([{ ...held, agents: 'web-[1-20]' }], { agents: 'web-2+web-7' })).toBe(true)
    expect(mayGive([{ ...held, agents: 'web-[1-20]' }], { agents: 'web-21' })).toBe(false)
    expect(mayGive([{ ...held, agents: 'all' }], { agents: 'not env=prod' })).toBe(true)
    expect(mayGive([{ ...held, agents: 'not env=prod' }], { agents: 'env=staging' })).toBe(true)
  })

  test('refuses what a deny may forbid, and allows what it cannot reach', () => {
    const deny: GrantInput = { effect: 'deny', actions: ['run.shell'], agents: 'zone=a' }
    expect(mayGive([held, deny], {})).toBe(false)
    expect(mayGive([held, deny], { agents: 'env=prod and role=web and zone=b' })).toBe(true)
    expect(mayGive([held, deny], { actions: ['agents.view'] })).toBe(true)
  })

  test('two grants do not add up', () => {
    const input = { ...held, stdin: true, env: [] }
    expect(mayGive([input, held], { stdin: true })).toBe(false)
    expect(mayGive([input, held], { stdin: true, env: [] })).toBe(true)
  })

  test('an admin may give anything, and a token no more than itself', () => {
    const policy = compilePolicy(undefined)
    const admin = { id: 'user:root', roles: ['admin'] }
    expect(
      mayDelegate(
        policy,
        admin,
        parsed({ ...held, stdin: true, env: ['*'], max_risk: 'high', agents: 'all' }),
      ),
    ).toBe(true)
    expect(
      mayDelegate(policy, { ...admin, narrowed: [parsed(held)] }, parsed({ ...held, agents: 'all' })),
    ).toBe(false)
    expect(mayDelegate(policy, { ...admin, narrowed: [[]] }, parsed(held))).toBe(false)
    expect(
      mayDelegate(
        policy,
        { id: 'user:op', roles: ['operator'] },
        parsed({ actions: ['policy.manage'], agents: 'all' }),
      ),
    ).toBe(false)
  })

  test('what may be delegated never allows a request that the subject is denied', () => {
    let delegable = 0
    let allowed = 0
    fc.assert(
      fc.property(
        policies,
        subjects,
        grants,
        fc.array(fc.tuple(requests, accessAgents), { minLength: 5, maxLength: 5 }),
        (policy, subject, grant, asked) => {
          const compiled = compilePolicy(policy)
          // Grants of the subject itself, narrowed a little, are delegable more often than random ones.
          const own = compiled.listsOf(subject)[0]?.sources[0]?.list.grants[0]?.grant
          for (const given of own
            ? [
                grant,
                own,
                { ...own, agents: grant.agents },
                { ...grant, agents: own.agents, actions: own.actions },
              ]
            : [grant]) {
            if (given.effect === 'deny' || !mayDelegate(compiled, subject, [given])) continue
            delegable += 1
            const other = compilePolicy({ roles: { given: [given] }, bindings: [], tests: [] })
            for (const [request, agent] of asked) {
              const theirs = other.decide(
                { ...subject, id: 'user:eve', groups: [], roles: ['given'] },
                request,
                [agent],
              )
              if (theirs.verdict !== 'allow') continue
              allowed += 1
              expect(compiled.decide(subject, request, [agent]).verdict).toBe('allow')
            }
          }
        },
      ),
      { numRuns: 5000 },
    )
    expect(delegable).toBeGreaterThan(500)
    expect(allowed).toBeGreaterThan(100)
  })
})

/** A deny has no limits. */
function without(): Partial<GrantInput> {
  const none = { operators: undefined, redirects: undefined, env: undefined, max_agents: undefined }
  return { ...none, max_timeout_seconds: undefined }
}
