import { describe, expect, test } from 'vitest'
import { KnownAgents } from '../../../src/server/agents/known-agents.js'
import type { KnownAgent } from '../../../src/server/agents/store.js'
import { AgentWatch } from '../../../src/server/agents/watch.js'
import type { AgentEvent } from '../../../src/shared/agents/agent.js'
import { info } from '../../agent/link/loops.js'
import { strictEvents } from '../../support/events.js'

/** Of an agent to which nothing was assigned. */
const unassigned = { assigned_labels: {}, identity: null }
const at = '2026-01-01T00:00:00.000Z'

function known(agent_id: string, labels: Record<string, string> = {}, owner = 'ada'): KnownAgent {
  const agent = { agent_id, labels, sid: null, connected_at: at, last_seen_at: at, agent_info: info } as const
  return {
    owner,
    agent: { ...agent, status: 'disconnected', hostname: 'h', protocol: 2, features: [], ...unassigned },
  }
}

function many(count: number, labels?: Record<string, string>, maxSearchMs?: number): KnownAgents {
  const agents = new KnownAgents(count + 1, maxSearchMs)
  for (let index = 0; index < count; index++) agents.set(known(String(index).padStart(5, '0'), labels))
  return agents
}

describe('pages of agents', () => {
  /** The ids of each page. */
  async function pages(
    agents: KnownAgents,
    limit: number,
    fits?: Parameters<KnownAgents['page']>[2],
  ): Promise<string[][]> {
    const read: string[][] = []
    for (let cursor: string | undefined, more = true; more; more = cursor !== undefined) {
      const page = await agents.page(cursor, limit, fits)
      read.push(page.agents.map(({ agent_id }) => agent_id))
      cursor = page.next
    }
    return read
  }

  test('contain every agent once when they are read to the end', async () => {
    const agents = many(250)
    const read = await pages(agents, 100)
    expect(read.flat()).toEqual(agents.ids())
    expect(read.map(({ length }) => length)).toEqual([100, 100, 50])
    expect((await pages(agents, 250)).length).toBe(1)
  })

  test('contain those that match, each once, and name no page that would be empty', async () => {
    const agents = many(2600)
    const rare = ['00007', '00499', '00500', '01000', '02598']
    const read = await pages(agents, 2, ({ agent_id }) => rare.includes(agent_id))
    expect(read).toEqual([rare.slice(0, 2), rare.slice(2, 4), rare.slice(4)])
    expect(await pages(agents, 5, ({ agent_id }) => rare.includes(agent_id))).toEqual([rare])
    expect(await pages(agents, 5, () => false)).toEqual([[]])
    expect(agents.idsOf(({ agent_id }) => rare.includes(agent_id))).toEqual(rare)
  })

  test('let other work go on while a selector takes long, and leave out what is forgotten meanwhile', async () => {
    const agents = many(100)
    let turns = 0
    const reading = agents.page(undefined, 100, ({ agent_id }) => {
      const until = performance.now() + 3
      while (performance.now() < until);
      return agent_id >= '00090'
    })
    const turn = () => {
      turns += 1
      agents.delete(`000${100 - turns}`)
      if (turns < 5) setImmediate(turn)
    }
    setImmediate(turn)
    const { agents: found, next } = await reading
    expect(found.map(({ agent_id }) => agent_id)).toEqual(['00090', '00091', '00092', '00093', '00094'])
    expect([turns, next]).toEqual([5, undefined])
  })

  test('are refused when a selector takes longer than a search may', async () => {
    const agents = many(200, {}, 30)
    const slow = agents.page(undefined, 100, () => {
      const until = performance.now() + 3
      while (performance.now() < until);
      return false
    })
    await expect(slow).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ loc: ['selector'], msg: expect.stringContaining('over 200 agents') }],
    })
    expect((await agents.page(undefined, 100)).agents).toHaveLength(100)
  })

  test('end early when the info of each agent is long, and never below 100', async () => {
    const labels = Object.fromEntries(
      Array.from({ length: 64 }, (_, n) => [`${n}`.padEnd(63, 'x'), 'y'.repeat(256)]),
    )
    const { agents, next } = await many(1000, labels).page(undefined, 1000)
    expect(JSON.stringify(agents).length).toBeLessThan(5 * 1024 * 1024)
    expect(agents.length).toBeGreaterThan(100)
    expect(next).toBe(agents.at(-1)?.agent_id)
  })
})

test('an agent with too many labels keeps the first of them when it is read from a store', () => {
  const labels = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`l${n}`, '']))
  const agents = new KnownAgents(1)
  agents.set(known('old', labels))
  expect(Object.keys(agents.get('old')?.agent.labels ?? {})).toHaveLength(64)
})

test('an account has room for another agent when one of its agents is forgotten', () => {
  const agents = new KnownAgents(2)
  agents.set(known('a'))
  const release = agents.reserve('b', 'ada')
  expect(() => agents.reserve('c', 'ada')).toThrow(/limit/)
  expect(() => agents.reserve('a', 'ada')).not.toThrow()
  expect(() => agents.reserve('c', 'bob')).not.toThrow()
  release()
  agents.set(known('b'))
  expect(() => agents.reserve('c', 'ada')).toThrow(/limit/)
  agents.delete('a')
  expect(() => agents.reserve('c', 'ada')).not.toThrow()
})

async function read(events: AsyncGenerator<AgentEvent>, count: number): Promise<AgentEvent[]> {
  const read: AgentEvent[] = []
  while (read.length < count) {
    const { value, done } = await events.next()
    if (done) break
    read.push(value)
  }
  return read
}

describe('a watch of agents', () => {
  test('begins with a snapshot of 1,000, then sends the others one by one, then the changes meanwhile', async () => {
    const agents = many(1002)
    const changes = strictEvents()
    const watch = new AgentWatch(agents, changes)
    const aborter = new AbortController()
    const events = watch.events(aborter.signal)
    const [snapshot, first] = await read(events, 2)
    const { agent } = known('late')
    changes.publish({ type: 'agent_connected', agent, timestamp: at })
    const rest = await read(events, 2)
    expect(snapshot).toMatchObject({ type: 'snapshot', agents: { length: 1000 } })
    expect(first).toMatchObject({ type: 'agent_disconnected', agent: { agent_id: '01000' } })
    expect(rest).toMatchObject([
      { type: 'agent_disconnected', agent: { agent_id: '01001' } },
      { type: 'agent_connected', agent: { agent_id: 'late' } },
    ])
    aborter.abort()
    expect(await events.next()).toMatchObject({ done: true })
  })

  test('starts again with a snapshot when its reader is too far behind', async () => {
    const agents = many(1)
    const changes = strictEvents()
    const watch = new AgentWatch(agents, changes)
    const events = watch.events(new AbortController().signal)
    await read(events, 1)
    const { agent } = known('other')
    for (let n = 0; n < 1001; n++) changes.publish({ type: 'agent_connected', agent, timestamp: at })
    expect(await read(events, 1)).toMatchObject([{ type: 'snapshot', agents: { length: 1 } }])
    await events.return(undefined)
  })
})
