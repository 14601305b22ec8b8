import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { frameEncoder } from '../../../src/shared/wire/frame-codec.js'
import { accounts, type System, startSystem } from '../../support/system.js'

/**
 * The fast path and tRPC's own handler serve the same calls: a socket that reads binary frames meets the first,
 * any other the second. What they answer must be the same.
 */

type Reply = { id: number; result?: { type: string; id?: string; data?: { json: unknown } }; error?: unknown }

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

class RawSocket {
  readonly replies: Reply[] = []
  #news: (() => void) | undefined

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data: Buffer, isBinary) => {
      this.replies.push(frameEncoder.decode(isBinary ? data : data.toString()) as Reply)
      this.#news?.()
    })
  }

  static async open(role: keyof typeof accounts | undefined, binary: boolean): Promise<RawSocket> {
    const socket = new WebSocket(`${system.url.replace('http', 'ws')}/trpc?connectionParams=1`)
    await once(socket, 'open')
    const token = role ? await system.token(role) : undefined
    const data = { ...(token ? { token } : {}), ...(binary ? { frames: 'binary' } : {}) }
    socket.send(JSON.stringify({ method: 'connectionParams', data }))
    const raw = new RawSocket(socket)
    // Once a call is answered, the controller knows who is here and what he reads.
    raw.send({ id: 0, method: 'query', params: { path: 'auth.me' } })
    await raw.until(() => raw.replies.length > 0)
    raw.replies.length = 0
    return raw
  }

  send(message: unknown): void {
    this.socket.send(JSON.stringify(message))
  }

  async until(holds: () => boolean): Promise<void> {
    while (!holds()) {
      await new Promise<void>((resolve) => {
        this.#news = resolve
      })
    }
  }

  /** The replies to these calls, up to one that is an end for each of them. */
  async repliesTo(...ids: number[]): Promise<Reply[]> {
    const isEnd = ({ error, result }: Reply) => error !== undefined || result?.type !== 'started'
    await this.until(() => ids.every((id) => this.replies.some((reply) => reply.id === id && isEnd(reply))))
    return this.replies.filter(({ id }) => ids.includes(id))
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}

const subscribe = (id: number, path: string, json: unknown) => ({
  id,
  method: 'subscription',
  params: { path, input: { json } },
})

describe('a call is answered by the fast path as by tRPC', () => {
  const wrong: [string, object][] = [
    ['an unknown agent', subscribe(1, 'execute', { agent_id: 'nobody', command: 'true' })],
    ['input of the wrong type', subscribe(1, 'execute', { agent_id: 5, command: '' })],
    ['no input', { id: 1, method: 'subscription', params: { path: 'execute' } }],
    ['an unknown command', subscribe(1, 'commands.follow', { command_id: 'nothing' })],
    [
      'a foreign place to go on',
      subscribe(1, 'commands.follow', { command_id: 'c', lastEventId: 'other:1' }),
    ],
    ['no hello', subscribe(1, 'agentLink', {})],
    [
      'reports without a link',
      { id: 1, method: 'mutation', params: { path: 'agentReport', input: { json: {} } } },
    ],
    ['a mutation as a subscription', subscribe(1, 'agentReport', {})],
    ['a path that is not there', subscribe(1, 'constructor', {})],
  ]
  for (const role of [undefined, 'admin', 'operator', 'viewer', 'agent'] as const) {
    test.each(wrong)(`to ${role ?? 'a stranger'}: %s`, async (_what, message) => {
      const answers: unknown[] = []
      for (const binary of [false, true]) {
        using socket = await RawSocket.open(role, binary)
        socket.send(message)
        answers.push((await socket.repliesTo(1)).find(({ error }) => error !== undefined)?.error)
      }
      expect(answers[1]).toEqual(answers[0])
      expect(answers[0]).toBeDefined()
    })
  }
})

describe('the fast path', () => {
  test('sends the events that tRPC sends, in text too', async () => {
    const seen: unknown[] = []
    for (const binary of [false, true]) {
      using socket = await RawSocket.open('operator', binary)
      socket.send(subscribe(1, 'execute', { agent_id: 'agent-1', command: 'echo ä; exit 3' }))
      await socket.until(() => socket.replies.some(({ result }) => result?.type === 'stopped'))
      seen.push(socket.replies.map(withoutChance))
    }
    expect(seen[1]).toEqual(seen[0])
    expect(seen[0]).toHaveLength(6)
  })

  test('serves its part of a batch, and tRPC the rest', async () => {
    using socket = await RawSocket.open('operator', true)
    socket.send([
      { id: 1, method: 'query', params: { path: 'auth.me' } },
      subscribe(2, 'execute', { agent_id: 'agent-1', command: 'true' }),
      { id: 3, method: 'query', params: { path: 'agents.list' } },
    ])
    const replies = await socket.repliesTo(1, 2, 3)
    expect(replies.some(({ error }) => error !== undefined)).toBe(false)
    expect(replies.find(({ id }) => id === 1)?.result?.data).toMatchObject({
      json: { username: accounts.operator.username, role: 'operator' },
    })
  })

  test('reports that a subscription has stopped on request, and refuses an id that is in use', async () => {
    using socket = await RawSocket.open('operator', true)
    socket.send(
      subscribe(1, 'execute', { agent_id: 'agent-1', command: 'sleep 60', command_id: 'lane-sleep' }),
    )
    await socket.until(() => socket.replies.length > 1)
    socket.send(subscribe(1, 'execute', { agent_id: 'agent-1', command: 'true' }))
    await socket.until(() => socket.replies.some(({ error }) => error !== undefined))
    expect(JSON.stringify(socket.replies)).toContain('Duplicate id 1')
    socket.send({ id: 1, method: 'subscription.stop' })
    await socket.until(() => socket.replies.some(({ result }) => result?.type === 'stopped'))
    await system.client('operator').commands.cancel('lane-sleep')
  })

  test('passes on what it cannot parse', async () => {
    using socket = await RawSocket.open('operator', true)
    socket.socket.send('{"half":')
    socket.socket.send(Buffer.from([0, 0, 0, 99, 1]))
    await socket.until(() => socket.replies.length === 2)
    expect(socket.replies.every(({ error }) => error !== undefined)).toBe(true)
  })
})

/** What differs from one run of a command to another. */
function withoutChance(reply: Reply): unknown {
  const text = JSON.stringify(reply)
    .replaceAll(/"(timestamp|pid|duration_ms)":("[^"]*"|[\d.]+)/g, '"$1":0')
    .replaceAll(/[0-9A-Z]{26}/g, 'ID')
  return JSON.parse(text)
}
