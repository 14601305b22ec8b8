import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { requestToken as ask } from '../../../src/client/transport/login.js'
import { type Call, Session } from '../../../src/client/transport/session.js'
import { createController } from '../../../src/server/app.js'
import { newId } from '../../../src/shared/id.js'
import { info, startLoop, type TestLoop } from '../../agent/link/loops.js'
import { Controllers } from '../../support/controllers.js'
import { ogent } from '../../support/ogent.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { accounts, type System, silent, startSystem } from '../../support/system.js'

/** With patience for a machine that has much else to do. */
const requestToken = (url: string, username: string, password: string) =>
  ask({ url, username, password, timeoutMs: 120_000 })

const { username, password } = accounts.agent

function hello(agent_id: string, labels: Record<string, string> = {}): Call {
  const input = { protocol: 1, agent_id, instance_id: newId(), info, labels, commands: [] }
  return { type: 'subscription', path: 'agentLink', input }
}

/** The first that comes of a hello on this session: the code of the error, or `registered`. */
function answer(session: Session, call: Call): Promise<unknown> {
  return new Promise((resolve) => {
    session.call(call, {
      data: (data) => resolve((data as { data: { type: unknown } }).data.type),
      error: (error) =>
        resolve(
          'code' in error
            ? error.code
            : (error.shape as { data: { ogent: { code: unknown } } }).data.ogent.code,
        ),
      complete: () => resolve('complete'),
    })
  })
}

async function sessionOf(url: string): Promise<Session> {
  const { access_token } = await requestToken(url, username, password)
  return Session.open({ url, token: access_token })
}

let system: System
const loops: TestLoop[] = []
beforeAll(async () => {
  system = await startSystem({ agent: false, controller: { MAX_AGENTS_PER_USER: 3 } })
}, 300_000)
afterAll(async () => {
  await Promise.all(loops.map((loop) => loop.stop()))
  await system[Symbol.asyncDispose]()
}, 300_000)

async function connected(agent_id: string, who: { username: string; password: string } = accounts.agent) {
  const loop = startLoop(agent_id, { url: system.url, reconnectDelayMs: 20, ...who })
  loops.push(loop)
  await until(`${agent_id} is registered`, () => loop.registered.length > 0)
  return loop
}

describe('an agent account', () => {
  test('opens one link on a connection, and no second one for another id', { timeout: 300_000 }, async () => {
    const session = await sessionOf(system.url)
    // In one frame: the second one comes before the first is answered.
    const both = await Promise.all([answer(session, hello('one')), answer(session, hello('two'))])
    expect(both).toEqual(['registered', 'BAD_REQUEST'])
    session.close()
  })

  test('is refused when an agent has more than 64 labels', { timeout: 300_000 }, async () => {
    const session = await sessionOf(system.url)
    const labels = Object.fromEntries(Array.from({ length: 65 }, (_, n) => [`l${n}`, 'x']))
    expect(await answer(session, hello('many-labels', labels))).toBe('VALIDATION_FAILED')
    session.close()
  })

  test('has as many agents as it may, and room for one more when an admin forgets one', {
    timeout: 300_000,
  }, async () => {
    // `one` is known since the test before.
    const gone = await connected('gone')
    await connected('stays')
    const session = await sessionOf(system.url)
    expect(await answer(session, hello('one-too-many'))).toBe('RATE_LIMITED')
    session.close()

    const path = '/agents/gone'
    expect((await system.fetch(path, 'operator', { method: 'DELETE' })).status).toBe(403)
    const refused = await system.fetch(path, 'admin', { method: 'DELETE' })
    expect(await refused.json()).toMatchObject({ status: 409, code: 'AGENT_ID_TAKEN' })
    await gone.stop()
    await until('it is away', async () => (await agentsOf('viewer')).includes('gone disconnected'))
    expect((await system.fetch(path, 'admin', { method: 'DELETE' })).status).toBe(204)
    expect((await system.fetch(path, 'admin', { method: 'DELETE' })).status).toBe(404)
    expect(await agentsOf('viewer')).not.toContain('gone disconnected')
    await connected('gone-for-one-more')
  })

  test('gives an id to another account when it is forgotten', { timeout: 300_000 }, async () => {
    const session = await sessionOf(system.url)
    await until('it may be forgotten', async () => {
      const { code } = await ogent(system, ['agents', 'forget', 'one'], { as: 'admin' })
      return code === 0
    })
    session.close()
    await connected('one', accounts.admin)
  })
})

async function agentsOf(role: 'viewer'): Promise<string[]> {
  const agents = await system.client(role).agents.list()
  return agents.map(({ agent_id, status }) => `${agent_id} ${status}`)
}

test('a list of agents continues after its cursor, with a link to the next page', {
  timeout: 300_000,
}, async () => {
  const all = (await (await system.fetch('/agents', 'viewer')).json()) as { agent_id: string }[]
  expect(all.length).toBeGreaterThan(1)
  const first = await system.fetch('/agents?limit=1', 'viewer')
  expect(await first.json()).toEqual(all.slice(0, 1))
  const next = first.headers.get('link')?.match(/^<(.+)>; rel="next"$/)?.[1] ?? ''
  expect(await (await system.fetch(next, 'viewer')).json()).toEqual(all.slice(1, 2))
  const last = await system.fetch(`/agents?cursor=${all.at(-1)?.agent_id}`, 'viewer')
  expect(await last.json()).toEqual([])
  expect(last.headers.get('link')).toBeNull()
  expect((await system.fetch('/agents?limit=0', 'viewer')).status).toBe(422)
})

test('an agent that was offline for too long is forgotten, also by the next controller', {
  timeout: 300_000,
}, async () => {
  // A second or so, in days.
  const days = { AGENT_FORGET_DAYS: 0.00002 }
  const own = await startSystem({ agent: false, controller: days })
  try {
    const loop = startLoop('container', { url: own.url, username, password })
    await until('it is registered', () => loop.registered.length > 0)
    await loop.stop()
    const ids = async () => (await own.client('viewer').agents.list()).map(({ agent_id }) => agent_id)
    await until('it is forgotten', async () => (await ids()).length === 0)
    await own.controller.close()
    const again = await createController({
      settings: { PORT: 0, DATA_DIR: `${own.folder}/controller`, ADMIN_PASSWORD: 'again-pass-1' },
      log: silent,
    })
    const { access_token } = await requestToken(again.url, 'admin', 'again-pass-1')
    const headers = { authorization: `Bearer ${access_token}` }
    expect(await (await fetch(`${again.url}/agents`, { headers })).json()).toEqual([])
    await again.close()
  } finally {
    await own[Symbol.asyncDispose]()
  }
})

describe.skipIf(needs('redis-server'))('controllers that share a Redis', () => {
  test('forget an agent together, and not while it is connected to one of them', {
    timeout: 300_000,
  }, async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await Controllers.start(redis.url)
    const loop = startLoop('shared', { url: controllers.url(0), username, password })
    await until('it is registered', () => loop.registered.length > 0)
    const [here, there] = [controllers.client(0, 'admin'), controllers.client(1, 'admin')]
    const listed = async (client: typeof here) => (await client.agents.list()).length
    await until('both know it', async () => (await listed(here)) + (await listed(there)) === 2)
    await expect(there.agents.forget('shared')).rejects.toMatchObject({ code: 'AGENT_ID_TAKEN' })
    await loop.stop()
    await until('it is forgotten', () =>
      there.agents.forget('shared').then(
        () => true,
        () => false,
      ),
    )
    await until('neither knows it', async () => (await listed(here)) + (await listed(there)) === 0)
    const other = startLoop('shared', { url: controllers.url(1), ...accounts.admin })
    await until('another account has it', () => other.registered.length > 0)
    await other.stop()
  })
})
