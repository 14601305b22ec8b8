import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { CommandRun } from '../../src/client/commands/run.js'
import type { AgentEvent } from '../../src/shared/agents/agent.js'
import { Controllers } from '../support/controllers.js'
import { until } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { RedisClusterProcesses, RedisProcess } from '../support/redis.js'
import { needs } from '../support/services.js'
import { accounts } from '../support/system.js'

describe.skipIf(needs('redis-server'))('controllers that share a Redis', () => {
  let redis: RedisProcess
  let controllers: Controllers
  beforeAll(async () => {
    redis = await RedisProcess.start()
    controllers = await Controllers.start(redis.url, { count: 3 })
  })
  afterAll(async () => {
    await controllers[Symbol.asyncDispose]()
    await redis[Symbol.asyncDispose]()
  })

  test('let a user of one run commands on an agent of the other, live and to the end', async () => {
    await controllers.agent(0, 'a1')
    const run = controllers.client(1).execute({ agent_id: 'a1', command: 'echo out; echo err >&2; exit 7' })
    const events = []
    for await (const event of run) events.push(event)
    expect(events.map((event) => ('state' in event ? event.state : event.type))).toEqual([
      'command_response',
      'started',
      'output',
      'output',
      'command_result',
    ])
    expect(await run).toMatchObject({ status: 'error', exit_code: 7, stdout: 'out\n', stderr: 'err\n' })
  })

  test('deliver ten megabytes complete through the other controller, by their hash', async () => {
    await controllers.agent(0, 'a2')
    const run = controllers.client(1).execute({ agent_id: 'a2', command: 'head -c 10000000 /dev/urandom' })
    const hash = createHash('sha256')
    let bytes = 0
    for await (const { data, offset } of run.output) {
      expect(offset).toBe(bytes)
      hash.update(data)
      bytes += data.length
    }
    expect(hash.digest('hex')).toBe((await run).stdout_sha256)
  })

  test('know every agent, and report those that connect and disconnect at the other', async () => {
    const seen: string[] = []
    const watch = async () => {
      for await (const event of controllers.client(1, 'viewer').agents.watch()) seen.push(wordOf(event))
    }
    watch().catch(() => {})
    await until('the watcher has its snapshot', () => seen.length > 0)
    const agent = await controllers.agent(0, 'a3')
    await until('it is told of the agent', () => seen.includes('agent_connected a3'))
    const listed = await controllers.client(1).agents.list()
    expect(listed.find(({ agent_id }) => agent_id === 'a3')?.status).toBe('connected')
    await agent.stop({ drainMs: 0 })
    await until('it is told of the end', () => seen.includes('agent_disconnected a3'))
    expect(seen.filter((word) => / a3$|snapshot/.test(word))).toEqual([
      'snapshot',
      'agent_connected a3',
      'agent_disconnected a3',
    ])
  })

  test('serve cancel, follow, history and REST replies alike', async () => {
    await controllers.agent(0, 'a4')
    const run = controllers.client(1).execute({ agent_id: 'a4', command: 'echo on; sleep 60' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    const watching = controllers.client(2).commands.attach(run.command_id)
    await controllers.client(2).commands.cancel(run.command_id)
    expect(await run).toMatchObject({ status: 'cancelled', stdout: 'on\n' })
    expect(await watching).toMatchObject({ status: 'cancelled' })
    const { commands } = await controllers.client(0).commands.list({ agent_id: 'a4' })
    expect(commands.map(({ command_id, status }) => [command_id, status])).toEqual([
      [run.command_id, 'cancelled'],
    ])
    // A token of one is good at all.
    const headers = {
      authorization: `Bearer ${await controllers.token(0)}`,
      'content-type': 'application/json',
    }
    const reply = await fetch(`${controllers.url(1)}/agents/a4/execute`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ command: 'echo rest' }),
    })
    expect(await reply.json()).toMatchObject({ status: 'success', result: { stdout: 'rest\n' } })
    const stream = await fetch(`${controllers.url(2)}/commands/${run.command_id}/events`, { headers })
    expect(await stream.text()).toContain('event: command_result')
  })

  test('keep an order for an offline agent at its owner, where a cancel from another controller reaches it', async () => {
    const first = await controllers.agent(0, 'a5')
    await first.stop({ drainMs: 0 })
    const request = { agent_id: 'a5', command: 'echo late', deliver_within_seconds: 30 }
    const waiting = controllers.client(1).execute(request)
    const unwanted = controllers.client(1).execute(request)
    for await (const _event of unwanted) break
    await controllers.client(0).commands.cancel(unwanted.command_id)
    expect(await unwanted).toMatchObject({ status: 'cancelled', exit_code: null })
    await controllers.agent(1, 'a5')
    expect(await waiting).toMatchObject({ status: 'success', stdout: 'late\n' })
  })

  test('expire an order once when its agent does not come', async () => {
    const agent = await controllers.agent(0, 'a6')
    await agent.stop({ drainMs: 0 })
    const request = { agent_id: 'a6', command: 'true', deliver_within_seconds: 0.3 }
    await expect(controllers.client(1).execute(request)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
    const now = { ...request, deliver_within_seconds: 0 }
    await expect(controllers.client(1).execute(now)).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
  })

  test('keep an open command running when its agent moves between them', async () => {
    let target = 0
    await using proxy = await TcpProxy.start(() => Number(new URL(controllers.url(target)).port))
    await controllers.agent(0, 'a7', { CONTROLLER_URL: proxy.url })
    const command = 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.25; done'
    const run = controllers.client(0).execute({ agent_id: 'a7', command })
    let far: CommandRun | undefined
    const states: string[] = []
    for await (const event of run) {
      far ??= controllers.client(1).commands.attach(run.command_id)
      if ('state' in event) states.push(event.state)
      if (states.filter((state) => state === 'output').length !== 2 || target === 1) continue
      target = 1
      proxy.cut()
    }
    expect(await run).toMatchObject({ status: 'success', stdout: '1\n2\n3\n4\n5\n6\n' })
    expect(await far).toMatchObject({ status: 'success', stdout: '1\n2\n3\n4\n5\n6\n' })
    // And a new one goes to where the agent is now.
    expect(await controllers.client(0).execute({ agent_id: 'a7', command: 'echo there' })).toMatchObject({
      stdout: 'there\n',
    })
  })

  test('refuse, each of them, a second process with an id that is in use', async () => {
    await controllers.agent(0, 'a8')
    expect(await controllers.refusedAgent(1, 'a8')).toContain('is connected already, by another instance')
    expect(await controllers.client(1).execute({ agent_id: 'a8', command: 'echo first' })).toMatchObject({
      stdout: 'first\n',
    })
  })

  test('end a command as lost after the grace period, and replace that with its true end later', async () => {
    await using impatient = await Controllers.start(redis.url, { settings: { AGENT_GRACE_SECONDS: 0.3 } })
    let target = 0
    await using proxy = await TcpProxy.start(() => Number(new URL(impatient.url(target)).port))
    await impatient.agent(0, 'a9', { CONTROLLER_URL: proxy.url })
    const run = impatient.client(1).execute({ agent_id: 'a9', command: 'echo on; sleep 1; echo off' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    proxy.close()
    expect(await run).toMatchObject({ status: 'lost' })
    target = 1
    proxy.resume()
    const ogent = impatient.client(0)
    await until(
      'the truth is told',
      async () => (await ogent.commands.get(run.command_id)).status === 'success',
    )
    expect(await ogent.commands.attach(run.command_id)).toMatchObject({ stdout: 'on\noff\n' })
  })

  test('cancel a command with on_disconnect when its subscriber at any of them disconnects', async () => {
    await controllers.agent(0, 'a10')
    const caller = controllers.client(1)
    const run = caller.execute({ agent_id: 'a10', command: 'echo on; sleep 60', on_disconnect: 'cancel' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    await caller.close()
    expect(await controllers.client(0).commands.attach(run.command_id)).toMatchObject({ status: 'cancelled' })
  })

  test('generate one admin password when several start at once, and all accept it', async () => {
    await using controllers = await Controllers.start(redis.url, {
      count: 0,
      settings: { ADMIN_USERNAME: 'boss', ADMIN_PASSWORD: undefined } as object,
    })
    const both = await Promise.all([controllers.add(), controllers.add()])
    const told = both.flatMap(({ generated }) => (generated ? [generated] : []))
    expect(told).toHaveLength(1)
    for (const { url } of both) {
      const body = new URLSearchParams(told[0])
      expect((await fetch(`${url}/token`, { method: 'POST', body })).status).toBe(200)
    }
  })

  test('accept a login of each other, and name Redis in their readiness', async () => {
    const headers = { authorization: `Bearer ${await controllers.token(0, 'viewer')}` }
    const me = await fetch(`${controllers.url(1)}/users/me`, { headers })
    expect(await me.json()).toMatchObject({ username: accounts.viewer.username, role: 'viewer' })
    const ready = await fetch(`${controllers.url(1)}/ready`)
    expect(await ready.json()).toEqual({ status: 'ready', dependencies: { redis: 'ready' } })
  })
})

describe.skipIf(needs('redis-server'))('controllers on a Redis Cluster', () => {
  test('do the same, with each step in one slot', async () => {
    await using cluster = await RedisClusterProcesses.start()
    await using controllers = await Controllers.start(cluster.url)
    await controllers.agent(0, 'a1')
    const ogent = controllers.client(1)
    expect(await ogent.execute({ agent_id: 'a1', command: 'echo out' })).toMatchObject({ stdout: 'out\n' })
    const run = ogent.execute({ agent_id: 'a1', command: 'echo on; sleep 60', on_disconnect: 'cancel' })
    for await (const chunk of run.stdout) if (chunk.includes('on')) break
    await controllers.client(0).commands.cancel(run.command_id)
    expect(await run).toMatchObject({ status: 'cancelled' })
    const { commands } = await controllers.client(0).commands.list({ agent_id: 'a1' })
    expect(commands.map(({ status }) => status)).toEqual(['cancelled', 'success'])
  })
})

function wordOf(event: AgentEvent): string {
  return event.type === 'snapshot' ? 'snapshot' : `${event.type} ${event.agent.agent_id}`
}
