import { afterEach, describe, expect, test } from 'vitest'
import type { AgentDirectory } from '../../../src/server/agents/directory.js'
import { Agents } from '../../../src/server/agents/registry.js'
import { RedisServer } from '../../../src/server/storage/redis/server.redis.js'
import type { Actor } from '../../../src/server/transport/caller.js'
import { newId } from '../../../src/shared/id.js'
import type { Hello } from '../../../src/shared/link/protocol.js'
import { info } from '../../agent/link/loops.js'
import { actor } from '../../support/actors.js'
import { joinCluster } from '../../support/cluster.js'
import { strictEvents } from '../../support/events.js'
import { until } from '../../support/processes.js'
import { RedisProcess } from '../../support/redis.js'
import { needs } from '../../support/services.js'
import { silent } from '../../support/system.js'

const identity: Actor = actor('agents', 'agent')

function helloOf(agent_id: string, instance_id = newId()): Hello {
  return { protocol: 1, agent_id, instance_id, info, labels: {}, commands: [] }
}

const noCommands = () => false

type Site = {
  agents: Agents
  directory: AgentDirectory
  /** Has the agents hear of changes that were read some time ago. */
  hear: Parameters<AgentDirectory['onChange']>[0]
}

describe.skipIf(needs('redis-server'))('the link of an agent that moves between controllers', () => {
  const opened: { [Symbol.asyncDispose](): Promise<void> }[] = []
  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })

  /** The agents as one controller on that Redis has them. */
  async function site(redis: RedisProcess): Promise<Site> {
    const server = await RedisServer.open(redis.url, silent)
    const { directory } = await joinCluster(server)
    let hear: Site['hear'] = () => {}
    const onChange: AgentDirectory['onChange'] = (listener) => {
      hear = listener
      return directory.onChange(listener)
    }
    const listened = new Proxy(directory, {
      get: (target, name) => {
        if (name === 'onChange') return onChange
        const value = Reflect.get(target, name)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const agents = new Agents({
      directory: listened,
      log: silent,
      events: strictEvents(),
      maxPerUser: 10,
      graceMs: 1000,
    })
    await agents.load()
    opened.push({
      async [Symbol.asyncDispose]() {
        await agents.close()
        await server.close()
      },
    })
    return { agents, directory, hear: (...change) => hear(...change) }
  }

  test('stays open when news of where the agent was before arrives late', async () => {
    const redis = await RedisProcess.start()
    opened.push(redis)
    const [one, other] = [await site(redis), await site(redis)]
    const hello = helloOf('mover')
    const first = await one.agents.connect(hello, identity, noCommands)
    const before = await other.directory.find(['mover'])
    expect(before[0]?.agent.sid).toBe(first.sid)
    const second = await other.agents.connect(hello, identity, noCommands)
    other.hear(before, [])
    other.hear([], [])
    await until('the first link is closed', () => first.closed)
    // A word of a change that is as late, and one more reading of all, find the second link open.
    other.hear(before, 'others')
    // Answered after whatever the agents have asked.
    await other.directory.find(['mover'])
    await new Promise((resolve) => setImmediate(resolve))
    expect(second.closed).toBe(false)
    expect(other.agents.get('mover')).toMatchObject({ sid: second.sid, status: 'connected' })
  })

  test('is closed when the agent is connected to another controller', async () => {
    const redis = await RedisProcess.start()
    opened.push(redis)
    const [one, other] = [await site(redis), await site(redis)]
    const hello = helloOf('mover')
    const first = await one.agents.connect(hello, identity, noCommands)
    const second = await other.agents.connect(hello, identity, noCommands)
    await until('the first link is closed', () => first.closed)
    await until('both know where it is', () => one.agents.get('mover').sid === second.sid)
    expect(second.closed).toBe(false)
  })
})
