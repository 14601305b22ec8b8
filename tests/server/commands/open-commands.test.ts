import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test, vi } from 'vitest'
import { OpenLimits } from '../../../src/server/commands/open-command-limits.js'
import { callAs, onBothStores, type Site } from '../../support/both-stores.js'
import { until } from '../../support/processes.js'
import { ended, RogueAgent, started } from '../../support/rogue-agent.js'

vi.setConfig({ testTimeout: 180_000 })

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

const MB = 1024 * 1024

function start(site: Site, role: 'operator' | 'admin', agent_id: string, id: string, body: object = {}) {
  return callAs(site.urls[1], role, `/agents/${agent_id}/execute`, {
    body: { command: 'cat', deliver_within_seconds: 3600, ...body },
    headers: { prefer: 'respond-async', 'idempotency-key': id },
  })
}

onBothStores('open commands', (open) => {
  test('of one account are limited, and one that ends makes room for another', async () => {
    await using site = await open({ MAX_OPEN_COMMANDS_PER_USER: 3 })
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1')
    await using _other = await RogueAgent.connect(site.urls[0], 'web-2')
    for (const id of ['c1', 'c2', 'c3']) {
      expect((await start(site, 'operator', 'web-1', id)).status).toBe(202)
    }
    const refused = await start(site, 'operator', 'web-2', 'c4')
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    expect(refused.body.detail).toMatch(
      /olga has 3 commands that have not ended.*MAX_OPEN_COMMANDS_PER_USER.*cancel some/,
    )
    // One that is known is followed all the same; and others are not held up.
    expect((await start(site, 'operator', 'web-1', 'c1')).status).toBe(202)
    expect((await start(site, 'admin', 'web-2', 'd1')).status).toBe(202)

    const { command_id } = await agent.order()
    await agent.report(started(command_id), ended(command_id, 2))
    // With Redis it ended at another controller, which this one asks its store about.
    await until(
      'there is room again',
      async () => (await start(site, 'operator', 'web-2', 'c4')).status === 202,
    )
    expect((await start(site, 'operator', 'web-2', 'c5')).status).toBe(429)
  })

  test('of one agent are limited across all users', async () => {
    await using site = await open({ MAX_OPEN_COMMANDS_PER_AGENT: 2 })
    await using _agent = await RogueAgent.connect(site.urls[0], 'web-1')
    await using _other = await RogueAgent.connect(site.urls[0], 'web-2')
    expect((await start(site, 'operator', 'web-1', 'c1')).status).toBe(202)
    expect((await start(site, 'admin', 'web-1', 'c2')).status).toBe(202)
    const refused = await start(site, 'operator', 'web-1', 'c3')
    expect(refused).toMatchObject({ status: 429, body: { code: 'RATE_LIMITED' } })
    expect(refused.body.detail).toMatch(/Agent web-1 has 2 commands.*MAX_OPEN_COMMANDS_PER_AGENT/)
    expect((await start(site, 'operator', 'web-2', 'c3')).status).toBe(202)
  })

  test('that wait for their agent are not held in memory, and reach it complete when it connects', async () => {
    await using site = await open()
    const before = await RogueAgent.connect(site.urls[0], 'web-1')
    await before[Symbol.asyncDispose]()
    await until('the agent is away', async () => {
      const { body } = await callAs(site.urls[1], 'viewer', '/agents/web-1')
      return body.status === 'disconnected'
    })
    const count = 40
    await start(site, 'operator', 'web-1', 'first')
    collect()
    const heapBefore = process.memoryUsage().heapUsed
    for (let n = 0; n < count; n++) {
      const stdin = String(n % 10).repeat(MB)
      expect((await start(site, 'operator', 'web-1', `c${n}`, { stdin })).status).toBe(202)
    }
    await until('the orders have left the heap', () => {
      collect()
      return process.memoryUsage().heapUsed - heapBefore < (count / 4) * MB
    })
    await using agent = await RogueAgent.connect(site.urls[0], 'web-1')
    expect((await agent.order()).command_id).toBe('first')
    for (let n = 0; n < count; n++) {
      const { command_id, stdin } = await agent.order()
      expect(stdin === String(Number(command_id.slice(1)) % 10).repeat(MB), command_id).toBe(true)
    }
  })
})

test('the texts of the open commands of one account are limited as well', async () => {
  const limits = new OpenLimits({ perUser: 1000, perAgent: 1000, stillOpen: async () => [] })
  const command = (n: number) => ({ command_id: `c${n}`, agent_id: `a${n}`, username: 'olga', length: MB })
  for (let n = 0; n < 128; n++) expect(await limits.take(command(n))).toBe(true)
  await expect(limits.take(command(128))).rejects.toMatchObject({
    code: 'RATE_LIMITED',
    message: expect.stringMatching(/134217728 characters.*cancel some/),
  })
  limits.release('c0')
  expect(await limits.take(command(128))).toBe(true)
})

test('many commands that start at the same moment do not exceed the limit together', async () => {
  const limits = new OpenLimits({ perUser: 5, perAgent: 1000, stillOpen: async () => [] })
  const takes = Array.from({ length: 20 }, (_, n) =>
    limits.take({ command_id: `c${n}`, agent_id: 'a', username: 'olga', length: 1 }),
  )
  const settled = await Promise.allSettled(takes)
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
  // The same id again is no other command.
  await expect(limits.take({ command_id: 'c0', agent_id: 'a', username: 'eve', length: 1 })).resolves.toBe(
    false,
  )
})
