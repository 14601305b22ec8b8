import { describe, expect, test } from 'vitest'
import { type WatchObserver, watchAgents } from '../../../src/client/agents/watch.js'
import type { Agent, AgentEvent } from '../../../src/shared/agents/agent.js'
import { OgentError } from '../../../src/shared/errors.js'
import { startSystem } from '../../support/system.js'

const at = '2026-01-01T00:00:00.000Z'
/** Of an agent to which nothing was assigned. */
const unassigned = { assigned_labels: {}, identity: null }

function agent(agent_id: string, status: Agent['status']): Agent {
  const info = { version: '6', python: null, node: '20', ssh_enabled: false, ssh_target: null, arch: 'x64' }
  const about = { ...info, platform: 'Linux', hostname: 'h', agent_version: '1', max_concurrent_commands: 1 }
  const seen = { connected_at: at, last_seen_at: at, hostname: 'h' }
  return {
    sid: null,
    agent_id,
    status,
    labels: {},
    agent_info: about,
    ...unassigned,
    protocol: 2,
    features: [],
    ...seen,
  }
}

const snapshot: AgentEvent = { type: 'snapshot', agents: [], timestamp: at }

function change(agent_id: string, status: Agent['status']): AgentEvent {
  return { type: `agent_${status}`, agent: agent(agent_id, status), timestamp: at }
}

function wordOf(event: AgentEvent): string {
  return event.type === 'snapshot' ? 'snapshot' : `${event.agent.agent_id} ${event.agent.status}`
}

/** A watch whose subscriptions are driven by the test. */
function drivenWatch(limits?: { max: number; foldFrom: number }) {
  const open = new Set<WatchObserver>()
  const observers: WatchObserver[] = []
  const opened: (() => void)[] = []
  const watch = watchAgents({
    renewToken: () => false,
    subscribe: (observer) => {
      open.add(observer)
      observers.push(observer)
      for (const resolve of opened.splice(0)) resolve()
      return { unsubscribe: () => void open.delete(observer) }
    },
    ...(limits ? { limits } : {}),
  })
  return {
    watch,
    open,
    /** Reads one event, as the loop of a user would. */
    next: async () => {
      const { value } = await watch.next()
      return value ? wordOf(value) : undefined
    },
    /** Sends these on the newest subscription, as a controller does to one that is open. */
    send: (...events: AgentEvent[]) => {
      const observer = observers.at(-1)
      for (const data of events) if (observer && open.has(observer)) observer.onData({ data })
    },
    fail: (error: unknown) => observers.at(-1)?.onError(error),
    nextSubscription: () => new Promise<void>((resolve) => opened.push(resolve)),
  }
}

describe('a watch of agents', () => {
  test('gives a reader that is a little behind every event', async () => {
    const { next, send } = drivenWatch()
    const first = next()
    const flaps = Array.from({ length: 400 }, () => [change('a', 'connected'), change('a', 'disconnected')])
    send(snapshot, ...flaps.flat())
    expect(await first).toBe('snapshot')
    for (const event of flaps.flat()) expect(await next()).toBe(wordOf(event))
  })

  test('keeps the newest event of each agent for a reader that is far behind', async () => {
    const { next, send, watch } = drivenWatch({ max: 3, foldFrom: 2 })
    const first = next()
    send(snapshot, change('a', 'connected'), change('b', 'connected'))
    // As long as one pleases: what waits does not grow.
    for (let flaps = 0; flaps < 1000; flaps++) send(change('a', 'disconnected'), change('a', 'connected'))
    send(change('b', 'disconnected'))
    expect([await first, await next(), await next()]).toEqual(['snapshot', 'a connected', 'b disconnected'])
    send(change('c', 'connected'))
    expect(await next()).toBe('c connected')
    await watch.return()
  })

  test('discards what waits when a new snapshot arrives', async () => {
    const { next, send } = drivenWatch()
    const first = next()
    send(snapshot, change('a', 'connected'), snapshot, change('b', 'connected'))
    expect([await first, await next(), await next()]).toEqual(['snapshot', 'snapshot', 'b connected'])
  })

  test('ends its subscription when too many agents wait, and starts a new one once they are read', async () => {
    const { next, send, open, nextSubscription } = drivenWatch({ max: 2, foldFrom: 1 })
    const first = next()
    send(snapshot, ...['a', 'b', 'c', 'd'].map((agent_id) => change(agent_id, 'connected')))
    expect(open.size).toBe(0)
    expect([await first, await next(), await next()]).toEqual(['snapshot', 'a connected', 'b connected'])
    const again = nextSubscription()
    const anew = next()
    await again
    expect(open.size).toBe(1)
    send(snapshot, change('d', 'connected'))
    expect([await anew, await next()]).toEqual(['snapshot', 'd connected'])
  })

  test('starts again after a lost connection, when earlier events have been read', async () => {
    const { next, send, fail, nextSubscription } = drivenWatch()
    const first = next()
    send(snapshot, change('a', 'connected'))
    fail(new OgentError('CONNECTION_LOST', 'The socket broke.'))
    expect([await first, await next()]).toEqual(['snapshot', 'a connected'])
    const again = nextSubscription()
    const anew = next()
    await again
    send(snapshot)
    expect(await anew).toBe('snapshot')
  })

  test('fails with the error of a refusal, and ends its subscription when the reader leaves', async () => {
    const refused = drivenWatch()
    const first = refused.next()
    refused.fail(new OgentError('FORBIDDEN', 'It takes another role.'))
    await expect(first).rejects.toMatchObject({ code: 'FORBIDDEN' })
    expect(refused.open.size).toBe(0)
    const left = drivenWatch()
    const second = left.next()
    left.send(snapshot)
    expect(await second).toBe('snapshot')
    expect(left.open.size).toBe(1)
    await left.watch.return()
    expect(left.open.size).toBe(0)
  })

  test('gives a slow reader the last state of each agent in few events, with a real controller', async () => {
    await using system = await startSystem()
    const ogent = system.client('admin')
    const subscribe = (observer: WatchObserver) => ogent.trpc.agents.events.subscribe(undefined, observer)
    const slow = watchAgents({ subscribe, renewToken: () => false, limits: { max: 10, foldFrom: 0 } })
    const quick = ogent.agents.watch()
    expect((await slow.next()).value).toMatchObject({ type: 'snapshot', agents: [{ status: 'connected' }] })
    const seen: string[] = []
    for await (const event of quick) {
      seen.push(event.type)
      if (seen.length === 7) break
      // Each time that it is seen to have come, it goes, and the reverse.
      if (event.type === 'agent_disconnected') await system.addAgent('agent-1')
      else await system.agents.pop()?.stop({ drainMs: 0 })
    }
    const flap = ['agent_disconnected', 'agent_connected']
    expect(seen).toEqual(['snapshot', ...flap, ...flap, ...flap])
    await ogent.agents.get('agent-1')
    const { value } = await slow.next()
    expect(value).toMatchObject({ type: 'agent_connected', agent: { agent_id: 'agent-1' } })
    // The next one is of something that comes after all that: nothing else waited.
    await system.addAgent('agent-2')
    expect((await slow.next()).value).toMatchObject({ agent: { agent_id: 'agent-2' } })
    await slow.return()
  })
})
