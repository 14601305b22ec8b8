import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { AgentFilter } from '../../../src/shared/agents/query.js'
import { until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
let authorization = ''
beforeAll(async () => {
  system = await startSystem({ agent: false })
  const labels = {
    'web-1': ['prod', 'web'],
    'web-2': ['prod', 'web'],
    'web-3': ['test', 'web'],
    'db-1': ['prod', 'db'],
  }
  for (const [agent_id, [env = '', role = '']] of Object.entries(labels)) {
    await system.addAgent(agent_id, { AGENT_LABELS: { env, role } })
  }
  await system.addAgent('bare')
  await system.agents[3]?.stop({ drainMs: 0 })
  const viewer = system.client('viewer')
  await until('one is away', async () => (await viewer.agents.get('db-1')).status === 'disconnected')
  authorization = `Bearer ${await system.token('viewer')}`
})
afterAll(() => system[Symbol.asyncDispose]())

const get = (path: string) => fetch(`${system.url}${path}`, { headers: { authorization } })

async function ids(reply: Response): Promise<string[]> {
  expect(reply.status).toBe(200)
  return ((await reply.json()) as { agent_id: string }[]).map(({ agent_id }) => agent_id)
}

/** What fits, by REST and by the SDK. */
async function listed(filter: AgentFilter & { selector?: string }): Promise<string[]> {
  const given = Object.entries(filter).map(([name, value]): [string, string] => [name, String(value)])
  const byRest = await ids(await get(`/agents?${new URLSearchParams(given)}`))
  const bySdk = (await system.client('viewer').agents.list(filter)).map(({ agent_id }) => agent_id)
  expect(bySdk).toEqual(byRest)
  return byRest
}

describe('a list of agents has those that fit', () => {
  test.each<[AgentFilter & { selector?: string }, string[]]>([
    [{}, ['bare', 'db-1', 'web-1', 'web-2', 'web-3']],
    [{ selector: 'all' }, ['bare', 'db-1', 'web-1', 'web-2', 'web-3']],
    [{ selector: 'env=prod and role=web' }, ['web-1', 'web-2']],
    [{ selector: 'env!=prod' }, ['web-3']],
    [{ selector: 'not env=prod' }, ['bare', 'web-3']],
    [{ selector: 'web-[1-99]+db-1 minus web-2' }, ['db-1', 'web-1', 'web-3']],
    [{ selector: 'nobody' }, []],
    [{ selector: 'zone=x' }, []],
    [{ status: 'disconnected' }, ['db-1']],
    [{ status: 'connected', selector: 'env=prod' }, ['web-1', 'web-2']],
    [{ q: 'EB-' }, ['web-1', 'web-2', 'web-3']],
    [{ q: 'Prod' }, ['db-1', 'web-1', 'web-2']],
    [{ q: 'env' }, []],
    [{ limit: 2 }, ['bare', 'db-1']],
    [{ limit: 1, cursor: 'db-1', selector: 'role=web' }, ['web-1']],
    [{ cursor: 'web-2' }, ['web-3']],
    [{ q: 'prod', selector: 'role=db', status: 'disconnected' }, ['db-1']],
  ])('%j', async (filter, expected) => {
    expect(await listed(filter)).toEqual(expected)
  })

  test('by a tree, from a program', async () => {
    const selector = {
      and: [{ field: 'env', op: 'eq' as const, values: ['prod'] }, { not: { ids: ['db-1'] } }],
    }
    const agents = await system.client('viewer').agents.list({ selector })
    expect(agents.map(({ agent_id }) => agent_id)).toEqual(['web-1', 'web-2'])
  })

  test('a page at a time, where the next page keeps the filter as it was written', async () => {
    const first = await get('/agents?selector=role%3Dweb,%20role%3D%22db%22&limit=3&q=E')
    expect(await ids(first)).toEqual(['web-1', 'web-2', 'web-3'])
    expect(first.headers.get('link')).toBeNull()
    const pages: string[][] = []
    let path: string | undefined = '/agents?selector=role%3Dweb,%20role%3D%22db%22&limit=2'
    while (path !== undefined) {
      const reply: Response = await get(path)
      pages.push(await ids(reply))
      path = /^<(.+)>; rel="next"$/.exec(reply.headers.get('link') ?? '')?.[1]
      if (path !== undefined) {
        expect(new URL(path, system.url).searchParams.get('selector')).toBe('role=web, role="db"')
      }
    }
    expect(pages).toEqual([
      ['db-1', 'web-1'],
      ['web-2', 'web-3'],
    ])
  })
})

describe('a list of agents is refused', () => {
  test.each([
    ['selector=', 'selector', 'is empty: write `all` where every agent is meant'],
    ['selector=role%3D', 'selector', 'at 6: expected a value after ='],
    ['selector=@web', 'selector', '@web: sets are not supported yet'],
    ['selector=%25r1:lost', 'selector', '%r1:lost: runs are not supported yet'],
    ['selector=has%20fact.os', 'selector', 'fact.os: facts are not supported yet'],
    [`selector=${'x'.repeat(4097)}`, 'selector', 'takes 4096 characters at most'],
    ['status=away', 'status', expect.stringContaining('connected')],
    ['q=', 'q', expect.any(String)],
    ['limit=0', 'limit', expect.any(String)],
    ['label=role=web', 'label', expect.stringContaining('is not known')],
  ])('for %.30s, by its place', async (query, field, msg) => {
    const reply = await get(`/agents?${query}`)
    expect(reply.status).toBe(422)
    expect(await reply.json()).toMatchObject({
      code: 'VALIDATION_FAILED',
      detail: [{ loc: ['query', field], msg }],
    })
  })

  test('over tRPC with the same sentence, for a text and for a tree', async () => {
    const { agents } = system.client('viewer')
    await expect(agents.list({ selector: 'role=' })).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ loc: ['selector'], msg: 'at 6: expected a value after =' }],
    })
    await expect(agents.list({ selector: { or: [{ set: 'web' }] } })).rejects.toMatchObject({
      issues: [{ loc: ['selector'], msg: '@web: sets are not supported yet' }],
    })
    await expect(agents.list({ selector: { ids: [] } })).rejects.toMatchObject({
      issues: [{ loc: ['selector', 'ids'] }],
    })
  })
})
