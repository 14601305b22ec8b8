import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Explanation, explain } from '../../src/access/explain.js'
import { compilePolicy } from '../../src/access/policy.js'
import { policySchema } from '../../src/shared/access/policy.js'
import { accessAgents, grants, policies, requests, subjects } from './policies.js'

test('explain names the first condition that fails of each grant about the action', () => {
  const policy = compilePolicy(
    policySchema.parse({
      roles: {
        deployer: [
          { actions: ['run.shell'], agents: 'env=staging' },
          { actions: ['run.shell'], agents: 'env=prod', commands: [{ argv: ['uptime'] }], stdin: true },
          { actions: ['agents.view'], agents: 'all' },
          { effect: 'deny', actions: ['run.shell'], agents: 'env=prod', targets: ['ssh'] },
        ],
      },
      bindings: [{ to: 'user:ann', role: 'deployer' }],
    }),
  )
  const command = {
    text: 'reboot',
    target: 'local' as const,
    env: [],
    stdin: false,
    risk: () => 'low' as const,
  }
  const prod = { agent_id: 'web-1', labels: { env: 'prod' } }
  const found = explain(policy, { id: 'user:ann', roles: [] }, { action: 'run.shell', now: 0, command }, [
    prod,
  ])
  expect(found.decision.verdict).toBe('deny')
  expect(found.answers).toEqual([
    {
      agent_id: 'web-1',
      grants: [
        {
          grant: 'deployer[0]',
          of: 'user:ann',
          effect: 'allow',
          failed: { condition: 'agents', reason: 'its agents (env=staging) do not include web-1' },
        },
        {
          grant: 'deployer[1]',
          of: 'user:ann',
          effect: 'allow',
          failed: { condition: 'commands', reason: 'no rule of it is for the program “reboot”' },
        },
        {
          grant: 'deployer[3]',
          of: 'user:ann',
          effect: 'deny',
          failed: { condition: 'targets', reason: 'it does not deny the target local' },
        },
      ],
    },
  ])
})

test('explain agrees with decide', () => {
  const narrowings = fc.array(fc.array(grants, { maxLength: 3 }), { maxLength: 1 })
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
        const explained = explain(compiled, narrow, request, [agent])
        expect(explained.decision).toEqual(compiled.decide(narrow, request, [agent]))
        const owners = compiled.listsOf(narrow).map(({ owner }) => owner)
        expect(owners.map((owner) => verdictOf(explained, owner)).reduce(stricter)).toBe(
          explained.decision.verdict,
        )
      },
    ),
    { numRuns: 10_000 },
  )
})

type Verdict = Explanation['decision']['verdict']

/** What the grants of one list say together. */
function verdictOf({ answers }: Explanation, owner: string): Verdict {
  const says = answers.flatMap(({ grants }) =>
    grants.flatMap(({ of, says }) => (of === owner && says ? [says] : [])),
  )
  if (says.includes('deny') || says.length === 0) return 'deny'
  return says.includes('allow') ? 'allow' : 'approval'
}

function stricter(a: Verdict, b: Verdict): Verdict {
  if (a === 'deny' || b === 'deny') return 'deny'
  return a === 'approval' || b === 'approval' ? 'approval' : 'allow'
}
