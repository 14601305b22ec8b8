import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CommandFilter } from '../../../src/shared/commands/record.js'
import { until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
let authorization = ''
/** When the third command was about to be made. */
let noon = ''
beforeAll(async () => {
  system = await startSystem({ agent: { AGENT_LABELS: { env: 'prod', note: 'a=b, c' } } })
  await system.addAgent('agent-2', { AGENT_LABELS: { env: 'test' } })
  await system.addAgent('bare')
  const [olga, admin] = [system.client('operator'), system.client('admin')]
  await olga.execute({ agent_id: 'agent-1', command_id: 'c1', command: 'exit 0' })
  await olga.execute({ agent_id: 'agent-2', command_id: 'c2', command: 'exit 3' })
  const { created_at } = await olga.commands.get('c2')
  await until('the clock has gone on', () => new Date().toISOString() > created_at)
  noon = new Date().toISOString()
  await admin.execute({ agent_id: 'agent-1', command_id: 'c3', command: 'exit 3' })
  await admin.execute({ agent_id: 'bare', command_id: 'c4', command: 'kill -9 $$' })
  authorization = `Bearer ${await system.token('viewer')}`
})
afterAll(() => system[Symbol.asyncDispose]())

const get = (path: string) => fetch(`${system.url}${path}`, { headers: { authorization } })

type Page = { commands: { command_id: string }[]; next_cursor: string | null }

/** What fits, by REST and by the SDK. */
async function listed(filter: CommandFilter): Promise<string> {
  const given = Object.entries(filter).map(([name, value]): [string, string] => [name, String(value)])
  const reply = await get(`/commands?${new URLSearchParams(given)}`)
  expect(reply.status).toBe(200)
  const ids = ({ commands }: Page) => commands.map(({ command_id }) => command_id).join(' ')
  const byRest = ids((await reply.json()) as Page)
  expect(ids(await system.client('viewer').commands.list(filter))).toBe(byRest)
  return byRest
}

describe('the history has the commands that fit', () => {
  test.each<[CommandFilter, string]>([
    [{}, 'c4 c3 c2 c1'],
    [{ requested_by: 'olga' }, 'c2 c1'],
    [{ requested_by: 'nobody' }, ''],
    [{ exit_code: 3 }, 'c3 c2'],
    [{ exit_code: 0 }, 'c1'],
    [{ status: 'error' }, 'c4 c3 c2'],
    [{ status: ['success', 'timeout'] }, 'c1'],
    [{ label: 'env=prod' }, 'c3 c1'],
    [{ label: 'env=test' }, 'c2'],
    [{ label: 'env=' }, ''],
    [{ label: 'env=prod', agent_id: 'agent-2' }, ''],
    [{ label: 'note=a=b, c' }, 'c3 c1'],
    [{ label: 'env=prod', exit_code: 3, requested_by: 'admin' }, 'c3'],
  ])('%j', async (filter, expected) => {
    expect(await listed(filter)).toBe(expected)
  })

  test('by when they were made, in any zone, with the first moment and without the last', async () => {
    expect(await listed({ since: noon })).toBe('c4 c3')
    expect(await listed({ until: noon })).toBe('c2 c1')
    expect(await listed({ since: noon, until: noon })).toBe('')
    const { created_at } = await system.client('viewer').commands.get('c3')
    const [before] = created_at.split('Z')
    expect(await listed({ since: created_at, exit_code: 3 })).toBe('c3')
    expect(await listed({ until: `${before}-00:00`.toLowerCase(), exit_code: 3 })).toBe('c2')
    const there = new Date(Date.parse(noon) + 2 * 3_600_000).toISOString().replace('Z', '+02:00')
    expect(await listed({ since: there })).toBe('c4 c3')
  })

  test('a page at a time, where the next page keeps the filter', async () => {
    const seen: string[] = []
    let path: string | undefined = '/commands?status=error,timeout&limit=1&q=exit&label=env%3Dprod'
    for (; path !== undefined; ) {
      const reply: Response = await get(path)
      const { commands, next_cursor } = (await reply.json()) as Page
      seen.push(...commands.map(({ command_id }) => command_id))
      path = /^<(.+)>; rel="next"$/.exec(reply.headers.get('link') ?? '')?.[1]
      expect(path === undefined).toBe(next_cursor === null)
      const { searchParams } = new URL(path ?? '/', system.url)
      expect(searchParams.get('cursor')).toBe(next_cursor)
      if (path !== undefined) expect(searchParams.get('status')).toBe('error,timeout')
    }
    expect(seen).toEqual(['c3'])
  })

  test('by the label that an agent has now', async () => {
    const [agent] = system.agents.splice(2, 1)
    await agent?.stop({ drainMs: 0 })
    await system.addAgent('bare', { AGENT_LABELS: { env: 'prod' } })
    expect(await listed({ label: 'env=prod' })).toBe('c4 c3 c1')
  })

  test('by statuses as repeated parameters too', async () => {
    const reply = await get('/commands?status=success&status=error')
    expect(((await reply.json()) as Page).commands).toHaveLength(4)
  })
})

describe('the history is refused', () => {
  const time = 'takes an RFC 3339 time, such as 2026-11-30T12:00:00Z'
  test.each([
    ['since=yesterday', ['since'], time],
    ['until=2026-02-30T00:00:00Z', ['until'], time],
    ['since=2026-11-30T00:00:00+02:00', ['since'], time],
    ['until=9999-12-31T23:59:59-01:00', ['until'], time],
    ['since=0000-01-01T00:00:00%2B01:00', ['since'], time],
    ['label=env', ['label'], 'takes name=value, with the name of a label'],
    ['label==prod', ['label'], 'takes name=value, with the name of a label'],
    ['exit_code=', ['exit_code'], expect.any(String)],
    ['exit_code=256', ['exit_code'], expect.any(String)],
    ['exit_code=-1', ['exit_code'], expect.any(String)],
    ['exit_code=1.5', ['exit_code'], expect.any(String)],
    ['requested_by=', ['requested_by'], expect.any(String)],
    ['status=error,broken', ['status'], expect.stringContaining('timeout')],
    ['status=', ['status'], expect.stringContaining('timeout')],
    ['user=ann', ['user'], expect.stringContaining('is not known')],
  ])('for %s, by its place', async (query, place, msg) => {
    const reply = await get(`/commands?${query}`)
    expect(reply.status).toBe(422)
    const { detail } = (await reply.json()) as { detail: { loc: (string | number)[]; msg: string }[] }
    expect(detail.map(({ loc, msg: said }) => ({ loc: loc.map(String), msg: said }))).toEqual([
      { loc: ['query', ...place], msg },
    ])
  })

  test('over tRPC for what is not known, and for a text where a number is taken', async () => {
    const { commands } = system.client('viewer')
    // What plain JavaScript would send.
    const wrong = { user: 'ann', exit_code: null, status: 'broken' }
    const filter: object = wrong
    await expect(commands.list(filter)).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: expect.arrayContaining([
        expect.objectContaining({ loc: ['user'] }),
        expect.objectContaining({ loc: ['exit_code'] }),
        expect.objectContaining({ loc: ['status'], msg: expect.stringContaining('timeout') }),
      ]),
    })
  })
})
