import { writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient, type OgentClient } from '../../src/client/client.js'
import type { AgentEvent } from '../../src/shared/agents/agent.js'
import { OgentError } from '../../src/shared/errors.js'
import { until } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { accounts, type System, startSystem } from '../support/system.js'

const agent_id = 'agent-1'

describe('a caller that may have one subscription', () => {
  let system: System
  let token: string
  beforeAll(async () => {
    system = await startSystem({ controller: { MAX_SUBSCRIPTIONS_PER_USER: 1 } })
    token = await system.token('operator')
  })
  afterAll(() => system[Symbol.asyncDispose]())

  const clients: OgentClient[] = []
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
  })

  function clientAt(url: string): OgentClient {
    const client = createOgentClient({ url, token })
    clients.push(client)
    return client
  }

  /** A watch that has the caller's one place, once that is free. */
  async function takePlace(): Promise<AsyncIterator<AgentEvent>> {
    const { agents } = clientAt(system.url)
    let events = agents.watch()[Symbol.asyncIterator]()
    await until('the place is free', async () => {
      try {
        return !(await events.next()).done
      } catch (error) {
        if (!(error instanceof OgentError) || error.code !== 'RATE_LIMITED') throw error
        events = agents.watch()[Symbol.asyncIterator]()
        return false
      }
    })
    return events
  }

  /** Cuts the socket, takes the place of what was on it, and frees that when it was refused. */
  async function refuseOnce(proxy: TcpProxy): Promise<void> {
    let refusals = 0
    proxy.tamper = (frame, direction) => {
      if (direction === 'down' && Buffer.from(frame.bytes).includes('RATE_LIMITED')) refusals += 1
      return 'pass'
    }
    proxy.close()
    const other = await takePlace()
    proxy.resume()
    await until('it was refused', () => refusals > 0)
    await other.return?.()
  }

  test('has a run that goes on after a lost socket, once its place is free again', async () => {
    await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    const gate = `${system.folder}/gate`
    const command = `mkfifo ${gate}; echo one; read go < ${gate}; echo two`
    const run = clientAt(proxy.url).execute({ agent_id, command })
    const seen = run.stdout[Symbol.asyncIterator]()
    expect(await seen.next()).toEqual({ done: false, value: 'one\n' })
    await refuseOnce(proxy)
    await writeFile(gate, 'go\n')
    expect(await seen.next()).toEqual({ done: false, value: 'two\n' })
    expect(await run).toMatchObject({ status: 'success', stdout: 'one\ntwo\n' })
  })

  test('has a watch of agents that goes on after a lost socket, once its place is free again', async () => {
    await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    const events = clientAt(proxy.url).agents.watch()[Symbol.asyncIterator]()
    expect(await events.next()).toMatchObject({ value: { type: 'snapshot' } })
    const next = events.next()
    await refuseOnce(proxy)
    expect(await next).toMatchObject({ value: { type: 'snapshot' } })
    await events.return?.()
  })

  test('has a second run and a second watch refused at once', async () => {
    const other = await takePlace()
    const { agents, execute } = clientAt(system.url)
    const refused = { code: 'RATE_LIMITED', message: expect.stringContaining('subscriptions') }
    await expect(execute({ agent_id, command: 'true' })).rejects.toMatchObject(refused)
    await expect(agents.watch()[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused)
    await other.return?.()
  })
})

test('a login that is refused for too many requests has the sentence of the controller, and the time', async () => {
  await using system = await startSystem({ agent: false, controller: { MAX_REQUESTS_PER_MINUTE: 1 } })
  await system.token('viewer')
  const { username, password } = accounts.operator
  await using ogent = createOgentClient({ url: system.url, username, password })
  const states = ogent.status()[Symbol.asyncIterator]()
  expect(await states.next()).toMatchObject({ value: { state: 'idle' } })
  const error = await ogent.me().catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({
    code: 'RATE_LIMITED',
    message: expect.stringMatching(/has made 1 requests in a minute.*try again in \d+ s\.$/),
  })
  const { retry_after_seconds = 0 } = error as OgentError
  expect(retry_after_seconds).toBeGreaterThan(0)
  expect(retry_after_seconds).toBeLessThanOrEqual(60)
  // It passes by itself, and is waited for.
  const waiting = { state: 'connecting', attempt: 2, error: { code: 'RATE_LIMITED' } }
  expect(await states.next()).toMatchObject({ value: waiting })
})
