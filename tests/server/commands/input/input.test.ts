import { afterEach, describe, expect, test } from 'vitest'
import type { Hello, InputOrder } from '../../../../src/shared/link/protocol.js'
import { callAs, onBothStores, type Site } from '../../../support/both-stores.js'
import { until } from '../../../support/processes.js'
import { ended, RogueAgent, started } from '../../../support/rogue-agent.js'
import { startSystem } from '../../../support/system.js'

const agents: RogueAgent[] = []
afterEach(async () => {
  for (const agent of agents.splice(0)) await agent[Symbol.asyncDispose]()
})

/** An agent at the first controller, which takes input unless its features say otherwise. */
async function connect(
  { urls: [url] }: Pick<Site, 'urls'>,
  { agent_id = 'a1', ...hello }: Partial<Hello> = {},
): Promise<RogueAgent> {
  const agent = await RogueAgent.connect(url, agent_id, { features: ['stdin'], ...hello })
  agents.push(agent)
  return agent
}

/** Starts a command at the second controller, without waiting for it. */
function start({ urls: [, url] }: Site, fields: object = {}, agent_id = 'a1') {
  const body = { command: 'cat', command_id: 'c1', open_stdin: true, ...fields }
  const headers = { prefer: 'respond-async' }
  return callAs(url, 'operator', `/agents/${agent_id}/execute`, { body, headers })
}

/** Writes input at the second controller. */
async function write(
  site: Site,
  fields: object,
  role: 'operator' | 'admin' | 'viewer' = 'operator',
  id = 'c1',
) {
  const { status, body } = await callAs(site.urls[1], role, `/commands/${id}/input`, { body: fields })
  return { status, ...body }
}

/** A command that the agent has begun to run. */
async function running(site: Site, agent: RogueAgent, fields: object = {}): Promise<void> {
  await start(site, fields)
  const { command_id } = await agent.order()
  await agent.report(started(command_id))
}

function shown({ command_id, offset, data, end }: InputOrder): string {
  return `${command_id} ${offset} ${Buffer.from(data)}${end ? ' end' : ''}`
}

onBothStores('the input of a command', (open) => {
  test('gets to its agent byte by byte, and the answer to its caller', async () => {
    await using site = await open()
    const agent = await connect(site)
    expect((await start(site, { stdin: 'first\n' })).status).toBe(202)
    expect(await agent.order()).toMatchObject({ command_id: 'c1', stdin: 'first\n', open_stdin: true })
    await agent.report(started('c1'))

    const bytes = Buffer.from([0, 255, 254, 10])
    const written = write(site, { data: bytes.toString('base64'), encoding: 'base64' })
    const order = await agent.input()
    expect([order.command_id, order.offset, order.end]).toEqual(['c1', 0, undefined])
    expect(Buffer.from(order.data)).toEqual(bytes)
    await agent.answer({ command_id: 'c1', taken: 4, state: 'open' })
    expect(await written).toEqual({ status: 200, command_id: 'c1', taken: 4, state: 'open' })

    const last = write(site, { offset: 4, data: 'é', end: true })
    expect(shown(await agent.input())).toBe('c1 4 é end')
    await agent.answer({ command_id: 'c1', taken: 6, state: 'ended' })
    expect(await last).toEqual({ status: 200, command_id: 'c1', taken: 6, state: 'ended' })
  })

  test('is sent again when an order or an answer is lost', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { data: 'hello' })
    expect(shown(await agent.input())).toBe('c1 0 hello')
    expect(shown(await agent.input())).toBe('c1 0 hello')
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await written).toMatchObject({ taken: 5, state: 'open' })
  })

  test('waits for a program that does not read, and is sent the rest of when there is room', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { data: 'hello' })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 2, state: 'full' })
    expect(shown(await agent.input())).toBe('c1 2 ')
    // Unasked.
    await agent.answer({ command_id: 'c1', taken: 2, state: 'open' })
    let order = await agent.input()
    // A question may have been on its way.
    while (order.data.length === 0) order = await agent.input()
    expect(shown(order)).toBe('c1 2 llo')
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await written).toMatchObject({ taken: 5, state: 'open' })
  })

  test('that begins above what was taken is answered with where to begin', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { offset: 9, data: 'late' })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 3, state: 'open' })
    expect(await written).toMatchObject({ status: 200, taken: 3, state: 'open' })
  })

  test('is sent at once by the link with which its agent comes back', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { data: 'hello' })
    await agent.input()
    agent.close()
    const again = await connect(site, { commands: ['c1'] })
    expect(shown(await again.input())).toBe('c1 0 hello')
    await again.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await written).toMatchObject({ taken: 5, state: 'open' })
  })

  test('that is there before its command has left for the agent follows it', async () => {
    await using site = await open()
    const before = await connect(site)
    before.close()
    await until('the agent is offline', async () => {
      const { body } = await callAs(site.urls[1], 'viewer', '/agents/a1')
      return body.status === 'disconnected'
    })
    await start(site, { deliver_within_seconds: 60 })
    const written = write(site, { data: 'hello' })
    const agent = await connect(site)
    await agent.order()
    expect(shown(await agent.input())).toBe('c1 0 hello')
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await written).toMatchObject({ taken: 5, state: 'open' })
  })

  test('ends its call when the command ends', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { data: 'hello' })
    await agent.input()
    await agent.report(ended('c1', 2))
    expect(await written).toMatchObject({ status: 409, code: 'COMMAND_ENDED' })
    expect(await write(site, { data: 'more' })).toMatchObject({ status: 409, code: 'COMMAND_ENDED' })
  })

  test('of a command that reads none is answered as closed', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent, { open_stdin: false })
    const written = write(site, { data: 'hello' })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 0, state: 'closed' })
    expect(await written).toMatchObject({ status: 200, taken: 0, state: 'closed' })
  })

  test('is answered by no agent but its own, and for no other command', async () => {
    await using site = await open()
    const agent = await connect(site)
    const other = await connect(site, { agent_id: 'a2' })
    await running(site, agent)
    await start(site, { command_id: 'c2' }, 'a2')
    await other.order()
    const [one, two] = [write(site, { data: 'hello' }), write(site, { data: 'world' }, 'operator', 'c2')]
    await Promise.all([agent.input(), other.input()])
    await other.answer(
      { command_id: 'c1', taken: 5, state: 'ended' },
      { command_id: 'unknown', taken: 5, state: 'ended' },
      { command_id: 'c2', taken: 5, state: 'open' },
    )
    expect(await two).toMatchObject({ command_id: 'c2', taken: 5, state: 'open' })
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await one).toMatchObject({ command_id: 'c1', taken: 5, state: 'open' })
  })

  test('is written by one call at a time, the newer one of two', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const first = write(site, { data: 'hello' })
    await agent.input()
    const second = write(site, { data: 'hello' })
    expect(await first).toMatchObject({ status: 429, code: 'RATE_LIMITED', retry_after_seconds: 1 })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await second).toMatchObject({ status: 200, taken: 5 })
  })

  test('is written by the account that requested the command, and by no other', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const refused = { status: 403, code: 'FORBIDDEN' }
    expect(await write(site, { data: 'x' }, 'admin')).toMatchObject({
      ...refused,
      detail: 'Command c1 was requested by another account, which alone may write its input.',
    })
    expect(await write(site, { data: 'x' }, 'viewer')).toMatchObject(refused)
    expect(await write(site, { data: 'x' }, 'operator', 'unknown')).toMatchObject({
      status: 404,
      code: 'COMMAND_NOT_FOUND',
    })
  })

  test('is refused when it is not what it is said to be, by its place', async () => {
    await using site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const places = async (fields: object) => {
      const { status, detail } = (await write(site, fields)) as {
        status: number
        detail: { loc: string[] }[]
      }
      return [status, ...detail.map(({ loc }) => loc.join('.'))]
    }
    expect(await places({ data: 'not base64!', encoding: 'base64' })).toEqual([422, 'data'])
    expect(await places({ data: 'x'.repeat(256 * 1024 + 1) })).toEqual([422, 'data'])
    expect(await places({ data: 'x', offset: -1 })).toEqual([422, 'body.offset'])
    expect(await places({ date: 'x' })).toEqual([422, 'body.date'])
  })

  test('ends its call with UNAVAILABLE when the controller stops', async () => {
    const site = await open()
    const agent = await connect(site)
    await running(site, agent)
    const written = write(site, { data: 'hello' })
    await agent.input()
    await site[Symbol.asyncDispose]()
    expect(await written).toMatchObject({ status: 503, code: 'UNAVAILABLE' })
  })

  test('is not for an agent that does not support it: the command ends before it leaves', async () => {
    await using site = await open()
    const old = await connect(site, { features: [] })
    const run = { command: 'cat', open_stdin: true }
    const execute = (more: object) =>
      callAs(site.urls[1], 'operator', '/agents/a1/execute', { body: { ...run, ...more } })
    const refused = {
      status: 409,
      body: {
        code: 'TARGET_UNAVAILABLE',
        detail: 'Agent a1 is too old for an open standard input: update the agent.',
      },
    }
    expect(await execute({ command_id: 'online' })).toMatchObject(refused)
    old.close()
    const waiting = execute({ command_id: 'offline', deliver_within_seconds: 60 })
    await until('the command is there', async () => {
      const { status } = await callAs(site.urls[0], 'viewer', '/commands/offline')
      return status === 200
    })
    const back = await connect(site, { features: [] })
    expect(await waiting).toMatchObject(refused)
    expect([old.waiting, back.waiting]).toEqual([0, 0])
    // Any other command of such an agent goes on, and reads no input.
    await start(site, { open_stdin: undefined })
    await back.order()
    await back.report(started('c1'))
    expect(await write(site, { data: 'x' })).toMatchObject({ status: 200, taken: 0, state: 'closed' })
  })
})

describe('the input of a command over tRPC', () => {
  test('is a mutation, and what was taken is counted once', async () => {
    await using system = await startSystem({ agent: false })
    const agent = await connect({ urls: [system.url, system.url] })
    const execute = system.fetch('/agents/a1/execute', 'operator', {
      method: 'POST',
      headers: { prefer: 'respond-async' },
      body: JSON.stringify({ command: 'cat', command_id: 'c1', open_stdin: true }),
    })
    await execute
    await agent.order()
    await agent.report(started('c1'))
    const call = (input: object) =>
      system.fetch('/trpc/commands.input', 'operator', {
        method: 'POST',
        body: JSON.stringify({ json: { command_id: 'c1', ...input } }),
      })
    const written = call({ data: 'hello' })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 5, state: 'open' })
    expect(await (await written).json()).toEqual({
      result: { data: { json: { command_id: 'c1', taken: 5, state: 'open' } } },
    })
    const again = call({ offset: 3, data: 'loha' })
    await agent.input()
    await agent.answer({ command_id: 'c1', taken: 7, state: 'open' })
    expect((await again).status).toBe(200)
    expect((await call({ data: 7 })).status).toBe(422)
    const metrics = await (await system.fetch('/metrics', 'viewer')).text()
    expect(metrics).toMatch(/^ogent_input_bytes_total 7$/m)
  })
})
