import { expect, test } from 'vitest'
import { type AgentsPageQuery, agentPages } from '../../../src/client/agents/pages.js'
import type { Agent } from '../../../src/shared/agents/agent.js'

const ids = Array.from({ length: 2345 }, (_, at) => `a-${String(at).padStart(4, '0')}`)

/** Pages as a controller gives them: no more than `most`, and never fewer than 100 where there are more. */
function controller(most: number) {
  const asked: AgentsPageQuery[] = []
  const page = async (query: AgentsPageQuery): Promise<Agent[]> => {
    asked.push(query)
    const after = ids.filter((id) => query.cursor === undefined || id > query.cursor)
    // Only its id is looked at here.
    return after.slice(0, Math.min(most, query.limit)).map((agent_id) => ({ agent_id }) as Agent)
  }
  return { asked, page }
}

async function listed(...args: Parameters<typeof agentPages>): Promise<string[]> {
  const found: string[] = []
  for await (const agents of agentPages(...args)) found.push(...agents.map(({ agent_id }) => agent_id))
  return found
}

test.each([100, 101, 1000, 5000])('a list has every agent once by pages of %i', async (most) => {
  const { page, asked } = controller(most)
  expect(await listed({}, page)).toEqual(ids)
  expect(asked.every(({ limit }) => limit <= 1000)).toBe(true)
})

test.each([1, 99, 100, 101, 1000, 1001, 2345, 9999])(
  'a list has the first %i agents by any pages',
  async (limit) => {
    for (const most of [100, 733, 5000]) {
      const { page } = controller(most)
      expect(await listed({ limit }, page)).toEqual(ids.slice(0, limit))
    }
  },
)

test('a list begins after its cursor, and asks with the rest of its filter each time', async () => {
  const { page, asked } = controller(100)
  expect(await listed({ cursor: 'a-2100', q: 'a', limit: 150 }, page)).toEqual(ids.slice(2101, 2251))
  expect(asked).toEqual([
    { q: 'a', limit: 150, cursor: 'a-2100' },
    { q: 'a', limit: 50, cursor: 'a-2200' },
  ])
})

test('a list ends where a controller gives all agents to any query', async () => {
  // Only their ids are looked at here.
  const all = async () => ids.map((agent_id) => ({ agent_id }) as Agent)
  expect(await listed({}, all)).toEqual(ids)
  expect(await listed({ limit: 7 }, all)).toEqual(ids.slice(0, 7))
})
