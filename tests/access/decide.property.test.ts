import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compilePolicy } from '../../src/access/policy.js'
import type { AccessRequest } from '../../src/access/request.js'
import { policySchema } from '../../src/shared/access/policy.js'
import { verdictOf } from './oracle.js'
import { accessAgents, grants, policies, readings, requests, subjects } from './policies.js'

const runs = 2_000
const fleets = fc.uniqueArray(accessAgents, {
  minLength: 1,
  maxLength: 3,
  selector: ({ agent_id }) => agent_id,
})
const narrowings = fc.oneof(
  { weight: 3, arbitrary: fc.constant([]) },
  { weight: 1, arbitrary: fc.array(fc.array(grants, { maxLength: 3 }), { maxLength: 2 }) },
)

test('decide is the OR of conjunctions, in which any deny wins', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(
      policies,
      subjects,
      narrowings,
      requests,
      fleets,
      (policy, subject, narrowed, request, agents) => {
        const narrow = { ...subject, narrowed }
        const { verdict } = compilePolicy(policy).decide(narrow, request, agents)
        seen.add(verdict)
        expect(verdict).toBe(verdictOf(policy, narrow, request, agents, readings))
      },
    ),
    { numRuns: 10_000 },
  )
  expect([...seen].sort()).toEqual(['allow', 'approval', 'deny'])
})

test('what two grants allow together is what one of them allows by itself', () => {
  fc.assert(
    fc.property(grants, grants, subjects, requests, accessAgents, (one, other, { id }, request, agent) => {
      const allowing = [one, other].map((grant) => ({ ...grant, effect: 'allow' as const }))
      const verdicts = [allowing, ...allowing.map((grant) => [grant])].map((list) => {
        const policy = compilePolicy({ roles: { r: list }, bindings: [{ to: id, role: 'r' }], tests: [] })
        return policy.decide({ id, roles: [] }, request, [agent]).verdict
      })
      const [both, ...each] = verdicts
      expect(both).toBe(each.includes('allow') ? 'allow' : each.includes('approval') ? 'approval' : 'deny')
    }),
    { numRuns: runs },
  )
})

test('a list that narrows an account allows nothing that the account or the list denies', () => {
  fc.assert(
    fc.property(
      policies,
      subjects,
      fc.array(grants, { maxLength: 3 }),
      requests,
      accessAgents,
      (policy, subject, list, request, agent) => {
        const compiled = compilePolicy(policy)
        const both = compiled.decide({ ...subject, narrowed: [list] }, request, [agent]).verdict
        const own = compiled.decide(subject, request, [agent]).verdict
        const alone = compilePolicy(policySchema.parse({ roles: { list } }))
        const narrow = alone.decide({ ...subject, roles: ['list'], groups: [] }, request, [agent]).verdict
        if (own === 'deny' || narrow === 'deny') expect(both).toBe('deny')
        else expect(both).toBe(own === 'approval' || narrow === 'approval' ? 'approval' : 'allow')
      },
    ),
    { numRuns: runs },
  )
})

test('reach is what decide allows without a command, and all is every agent', () => {
  fc.assert(
    fc.property(
      policies,
      subjects,
      narrowings,
      requests,
      accessAgents,
      (policy, subject, narrowed, { action, now }, agent) => {
        const compiled = compilePolicy(policy)
        const narrow = { ...subject, narrowed }
        const reach = compiled.reach(narrow, action, now)
        const allowed = compiled.decide(narrow, { action, now }, [agent]).verdict === 'allow'
        expect(reach.test(agent)).toBe(allowed)
        if (reach.all) expect(allowed).toBe(true)
      },
    ),
    { numRuns: runs },
  )
})

test('a decision on a command is the same for every command where asksCommand says so', () => {
  let same = 0
  fc.assert(
    fc.property(
      policies,
      subjects,
      narrowings,
      requests,
      requests,
      accessAgents,
      (policy, subject, narrowed, one, other, agent) => {
        const compiled = compilePolicy(policy)
        const narrow = { ...subject, narrowed }
        if (!one.command || !other.command || compiled.asksCommand(narrow, one.action, agent)) return
        same += 1
        const verdictFor = (command: AccessRequest['command']) =>
          compiled.decide(narrow, { action: one.action, now: one.now, command }, [agent]).verdict
        expect(verdictFor(one.command)).toBe(verdictFor(other.command))
      },
    ),
    { numRuns: runs },
  )
  expect(same).toBeGreaterThan(100)
})

test('where an action is allowed on an agent, it is allowed somewhere', () => {
  fc.assert(
    fc.property(
      policies,
      subjects,
      narrowings,
      requests,
      accessAgents,
      (policy, subject, narrowed, request, agent) => {
        const compiled = compilePolicy(policy)
        const narrow = { ...subject, narrowed }
        const counted = { ...request, count: request.count ?? 1 }
        const here = compiled.decide(narrow, counted, [agent]).verdict
        if (here !== 'deny') expect(compiled.decide(narrow, counted, []).verdict).not.toBe('deny')
      },
    ),
    { numRuns: runs },
  )
})
