import { afterEach, describe, expect, test } from 'vitest'
import { Agents } from '../../../src/server/agents/registry.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import { actor } from '../../support/actors.js'
import { joinCluster } from '../../support/cluster.js'
import { agentIdentity, helloOf } from '../../support/command-parts.js'
import { strictEvents } from '../../support/events.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'
import { heardOf, type Site, type State, stateOf } from './registry-site.js'

const stranger = actor('eve', 'agent')

const opened: (() => unknown)[] = []
afterEach(async () => {
  for (const close of opened.splice(0).reverse()) await close()
})

describe.skipIf(needs('redis-server'))('an agent of controllers that share a Redis', () => {
  type Shared = { agents: Agents; heard: string[]; connect: Site['connect'] }

  async function sites(): Promise<[one: Shared, other: Shared]> {
    const redis = await RedisProcess.start()
    opened.push(() => redis[Symbol.asyncDispose]())
    const open = async (): Promise<Shared> => {
      const server = await RedisServer.open(redis.url, silent)
      const { directory } = await joinCluster(server)
      const events = strictEvents()
      const heard = heardOf(events)
      const agents = new Agents({ directory, log: silent, events, maxPerUser: 10, graceMs: 60_000 })
      await agents.load()
      opened.push(
        () => server.close(),
        () => agents.close(),
      )
      const connect: Site['connect'] = (hello, identity = agentIdentity) =>
        agents.connect(helloOf('a1', hello), identity, () => false)
      return { agents, heard, connect }
    }
    return [await open(), await open()]
  }

  async function comesTo({ agents }: Shared, state: State): Promise<void> {
    await until(`the agent is ${state}`, () => stateOf(agents) === state)
  }

  test('is connected elsewhere, then offline, at the one that never had its link', async () => {
    const [one, other] = await sites()
    const link = await one.connect()
    await comesTo(other, 'connected elsewhere')
    link.close()
    await comesTo(other, 'offline')
    expect(other.heard).toEqual(['agent_moved a1', 'agent_connected a1', 'agent_disconnected a1'])
  })

  test('moves: its first link is closed, and is not said to be lost', async () => {
    const [one, other] = await sites()
    const first = await one.connect()
    await comesTo(other, 'connected elsewhere')
    await other.connect()
    await comesTo(one, 'connected elsewhere')
    expect([first.closed, stateOf(other.agents)]).toEqual([true, 'connected here'])
    expect(one.heard).toEqual(['agent_connected a1', 'agent_moved a1', 'agent_connected a1'])
    // And back again.
    await one.connect()
    await comesTo(other, 'connected elsewhere')
    expect(stateOf(one.agents)).toBe('connected here')
    expect([...one.heard, ...other.heard].filter((line) => line.startsWith('link_lost'))).toEqual([])
  })

  test('keeps its id from others at the one that has heard nothing of it yet', async () => {
    const [one, other] = await sites()
    await one.connect()
    await expect(other.connect({ instance_id: 'other' })).rejects.toMatchObject({ code: 'AGENT_ID_TAKEN' })
    await expect(other.connect({}, stranger)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await comesTo(other, 'connected elsewhere')
    await expect(other.agents.forget('a1')).rejects.toMatchObject({ code: 'AGENT_ID_TAKEN' })
    expect(stateOf(one.agents)).toBe('connected here')
  })

  test('is found where nothing was heard of it yet, and forgotten at both', async () => {
    const [one, other] = await sites()
    const link = await one.connect()
    expect((await other.agents.find('a1')).sid).toBe(link.sid)
    link.close()
    await comesTo(other, 'offline')
    await other.agents.forget('a1')
    await comesTo(one, 'unknown')
    expect([stateOf(other.agents), one.heard.at(-1)]).toEqual(['unknown', 'agent_forgotten a1'])
  })

  test('is offline for all by the time that its controller has closed', async () => {
    const [one, other] = await sites()
    await one.connect()
    await comesTo(other, 'connected elsewhere')
    await one.agents.close()
    expect(one.heard).toEqual(['agent_connected a1', 'agent_disconnected a1', 'link_lost a1'])
    await comesTo(other, 'offline')
  })
})
