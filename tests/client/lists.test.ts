import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { RogueAgent } from '../support/rogue-agent.js'
import { type System, startSystem } from '../support/system.js'

let system: System
const rogues: RogueAgent[] = []
const ids = Array.from({ length: 130 }, (_, index) => `many-${String(index).padStart(3, '0')}`)
beforeAll(async () => {
  system = await startSystem()
  for (const id of ids) rogues.push(await RogueAgent.connect(system.url, id))
})
afterAll(async () => {
  for (const rogue of rogues) await rogue[Symbol.asyncDispose]()
  await system?.[Symbol.asyncDispose]()
})

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('the list of agents', () => {
  const expected = ['agent-1', ...ids]

  test('is all of them where it is awaited, and each of them in a loop', async () => {
    const { agents } = system.client()
    expect((await agents.list()).map(({ agent_id }) => agent_id)).toEqual(expected)
    expect((await all(agents.list())).map(({ agent_id }) => agent_id)).toEqual(expected)
    const list = agents.list()
    expect(await list.then((found) => found.length)).toBe(expected.length)
    // What was awaited is the same again.
    expect(await list).toBe(await list)
  })

  test('can be left, and is an array like any', async () => {
    const { agents } = system.client()
    for await (const { agent_id } of agents.list()) {
      expect(agent_id).toBe('agent-1')
      break
    }
    const [first] = await agents.list()
    expect(first?.agent_id).toBe('agent-1')
    expect(await Promise.all([agents.list(), agents.get('agent-1')])).toHaveLength(2)
  })

  test('fails as a promise does, and only where it is asked for', async () => {
    const ogent = system.client()
    ogent.agents.list()
    await ogent.close()
    ogent.agents.list()
    const list = ogent.agents.list()
    let seen = 0
    const count = () => {
      seen += 1
    }
    await expect(list.finally(count)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await list.catch(() => 'caught')).toBe('caught')
    await expect(all(list)).rejects.toMatchObject({ code: 'CLOSED' })
    expect(seen).toBe(1)
  })
})

describe('the list of commands', () => {
  test('is a page where it is awaited, and all that fit the filter in a loop', async () => {
    const { commands, execute } = system.client()
    const made: string[] = []
    for (let index = 0; index < 7; index++) {
      const run = execute({ agent_id: 'agent-1', command: `echo listed ${index}` })
      await run
      made.unshift(run.command_id)
    }
    await execute({ agent_id: 'agent-1', command: 'echo other' })
    const filter = { q: 'echo listed', limit: 3 }
    const page = await commands.list(filter)
    expect(page.commands.map(({ command_id }) => command_id)).toEqual(made.slice(0, 3))
    const loop = await all(commands.list(filter))
    expect(loop.map(({ command_id }) => command_id)).toEqual(made)
    const later = commands.list({ ...filter, cursor: page.next_cursor ?? '' })
    expect((await all(later)).map(({ command_id }) => command_id)).toEqual(made.slice(3))
    expect(await all(commands.list({ q: 'no such command' }))).toEqual([])
    expect((await all(commands.list())).length).toBeGreaterThanOrEqual(8)
  })

  test('ends its loop by a signal with the reason, since what was seen is not all', async () => {
    const controller = new AbortController()
    const list = system.client().commands.list({ limit: 1 }, { signal: controller.signal })
    const loop = async () => {
      for await (const _ of list) controller.abort('enough')
    }
    await expect(loop()).rejects.toBe('enough')
  })
})
