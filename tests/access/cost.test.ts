import { expect, test } from 'vitest'
import { compilePolicy, type Policy } from '../../src/access/policy.js'
import type { AccessAgent, AccessRequest, CommandFacts, Subject } from '../../src/access/request.js'
import { type GrantInput, policySchema } from '../../src/shared/access/policy.js'
import { everydayLines } from './commands/everyday.js'

/**
 * What decisions cost. The figures are printed, since they depend on the machine; what is asserted is how the cost grows,
 * with much room.
 */

const ann: Subject = { id: 'user:ann', roles: ['r'] }

function compiled(grants: GrantInput[]): Policy {
  return compilePolicy(policySchema.parse({ roles: { r: grants } }))
}

function asking(text: string): AccessRequest {
  const command: CommandFacts = { text, target: 'local', env: [], stdin: false, risk: () => 'low' }
  return { action: 'run.shell', now: 0, command }
}

/** Microseconds of the processor for one call, the best of some rounds over different arguments. */
function cost<T>(name: string, args: readonly T[], call: (arg: T) => unknown): number {
  const rounds = Array.from({ length: 8 }, () => {
    const begin = process.cpuUsage().user
    for (const arg of args) call(arg)
    return (process.cpuUsage().user - begin) / args.length
  })
  const best = Math.min(...rounds)
  console.log(`${name}: ${best.toFixed(1)} µs`)
  return best
}

const agentOf = (at: number): AccessAgent => ({
  agent_id: `web-${at}`,
  labels: { env: `env-${at % 100}`, role: at % 2 === 0 ? 'web' : 'db', team: `team-${at % 997}`, zone: 'a' },
})
const agents = Array.from({ length: 10_000 }, (_, at) => agentOf(at))

test('a decision costs about the same for few grants and for ten thousand', () => {
  const selectors = (at: number) =>
    [`team=team-${at % 997}`, `web-${at}`, `env=env-${at % 100} and role=web`, `env in (env-${at % 100}, x)`][
      at % 4
    ] ?? 'all'
  const many = compiled(
    Array.from({ length: 10_000 }, (_, at) => ({
      actions: ['run.shell'],
      agents: selectors(at),
      commands: [{ argv: ['systemctl', 'restart', `service-${at}`] }],
      effect: at % 50 === 0 ? 'deny' : 'allow',
    })),
  )
  const few = compiled([
    { actions: ['run.shell'], agents: 'env=env-1 and role=db' },
    { actions: ['agents.view', 'commands.view'], agents: 'all' },
    { actions: ['run.shell'], agents: 'env in (env-2, env-3)', max_risk: 'high', stdin: true },
    { effect: 'deny', actions: ['run.shell'], agents: 'role=cache' },
  ])
  const some = agents.slice(0, 2000)
  const request = asking('uptime')
  const contract: AccessRequest = { action: 'run.shell', now: 0 }
  cost('built-in operator, one agent', some, (agent) =>
    few.decide({ id: 'user:op', roles: ['operator'] }, request, [agent]),
  )
  const small = cost('4 grants without command rules, one agent', some, (agent) =>
    few.decide(ann, request, [agent]),
  )
  many.decide(ann, contract, [agentOf(1)])
  cost('10,000 grants, one agent, no command', some, (agent) => many.decide(ann, contract, [agent]))
  const large = cost('10,000 grants with command rules, one agent, denied', some.slice(0, 200), (agent) =>
    many.decide(ann, asking('systemctl restart nginx'), [agent]),
  )
  cost('10,000 grants with command rules, one agent, allowed', some.slice(0, 200), (agent) => {
    const at = agents.indexOf(agent)
    return many.decide(ann, asking(`systemctl restart service-${at}`), [agent])
  })
  cost('4 grants, 10,000 agents in one decision', [agents], (all) => few.decide(ann, request, all))
  cost('10,000 grants, 10,000 agents in one decision', [agents], (all) => many.decide(ann, contract, all))
  const reach = many.reach(ann, 'run.shell', 0)
  cost('reach of 10,000 grants, one agent', some, (agent) => reach.test(agent))
  expect(large).toBeLessThan(small * 1000)
})

test('a decision on a line of every day costs about what reading it costs', () => {
  for (const [name, { grant, lines }] of Object.entries(everydayLines)) {
    const policy = compiled([{ actions: ['run.shell'], agents: 'all', max_risk: 'high', ...grant }])
    const requests = lines.map(asking)
    const agent = agentOf(1)
    const one = cost(`${name}, ${lines.length} lines`, requests, (request) =>
      policy.decide(ann, request, [agent]),
    )
    const hundred = cost(`${name}, for 100 agents`, requests, (request) =>
      policy.decide(ann, request, agents.slice(0, 100)),
    )
    // A text is read once for all agents.
    expect(hundred).toBeLessThan(one * 50)
  }
})
