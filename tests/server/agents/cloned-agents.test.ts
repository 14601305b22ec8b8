import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { newId } from '../../../src/shared/id.js'
import type { Machine } from '../../../src/shared/link/protocol.js'
import { info, startLoop, type TestLoop } from '../../agent/link/loops.js'
import { Controllers } from '../../support/controllers.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { accounts, type System, startSystem } from '../../support/system.js'

/** With patience for a machine that has much else to do. */

const here: Machine = { id: 'machine-a', boot: 'boot-1' }
const copy: Machine = { id: 'machine-b', boot: 'boot-2' }

let url: string
/** An agent's link from a machine, as a process of its own. */
function agentOn(agent_id: string, machine: Machine | undefined, at = url): TestLoop {
  const { username, password } = accounts.agent
  const hello = { protocol: 1 as const, agent_id, instance_id: newId(), info, labels: {}, commands: [] }
  return startLoop(agent_id, {
    url: at,
    username,
    password,
    reconnectDelayMs: 50,
    hello: () => (machine ? { ...hello, machine } : hello),
  })
}

async function registered(loop: TestLoop): Promise<void> {
  await until('it is registered', () => loop.registered.length > 0)
}

async function refused(loop: TestLoop): Promise<void> {
  await until('it is refused', () => loop.lines.some(({ code }) => code === 'AGENT_CLONED'))
  expect(loop.registered).toHaveLength(0)
}

describe('an agent that has just stopped', () => {
  let system: System
  beforeAll(async () => {
    system = await startSystem({ agent: false })
    url = system.url
  }, 300_000)
  afterAll(() => system[Symbol.asyncDispose](), 120_000)

  test('keeps its id from a copy on another machine until it is forgotten', {
    timeout: 300_000,
  }, async () => {
    const first = agentOn('copied', here)
    await registered(first)
    const second = agentOn('copied', copy)
    await refused(second)
    await first.stop()
    await until('it is forgotten', () =>
      system
        .client('admin')
        .agents.forget('copied')
        .then(
          () => true,
          () => false,
        ),
    )
    await registered(second)
    await second.stop()
  })

  test.each<[what: string, machine: Machine | undefined]>([
    ['that was started anew', { id: here.id, boot: 'boot-3' }],
    ['that has another name now', { id: 'renamed', boot: here.boot }],
    ['of a version that says nothing of its machine', undefined],
  ])('comes back at once on a machine %s', { timeout: 300_000 }, async (what, machine) => {
    const agent_id = what.replaceAll(' ', '-')
    const first = agentOn(agent_id, here)
    await registered(first)
    await first.stop()
    const second = agentOn(agent_id, machine)
    await registered(second)
    expect(second.lines.filter(({ code }) => code === 'AGENT_CLONED')).toEqual([])
    await second.stop()
  })
})

test('another machine replaces an agent that has been offline for the grace period', {
  timeout: 300_000,
}, async () => {
  await using system = await startSystem({ agent: false, controller: { AGENT_GRACE_SECONDS: 1 } })
  url = system.url
  const first = agentOn('replaced', here)
  await registered(first)
  await first.stop()
  const second = agentOn('replaced', copy)
  await registered(second)
  await second.stop()
})

describe.skipIf(needs('redis-server'))('controllers that share a Redis', () => {
  test('keep the id of an agent from a copy at another controller', { timeout: 300_000 }, async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await Controllers.start(redis.url)
    const first = agentOn('copied', here, controllers.url(0))
    await registered(first)
    const there = controllers.client(1, 'viewer')
    await until('the other one knows it', async () => (await there.agents.list()).length === 1)
    await first.stop()
    const second = agentOn('copied', copy, controllers.url(1))
    await refused(second)
    await second.stop()
    expect(JSON.stringify(await there.agents.list())).not.toContain('machine-a')
  })
})
