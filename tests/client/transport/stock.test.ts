import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  createTRPCClient,
  createWSClient,
  httpBatchLink,
  httpSubscriptionLink,
  splitLink,
  wsLink,
} from '@trpc/client'
import { initTRPC, tracked } from '@trpc/server'
import { applyWSSHandler } from '@trpc/server/adapters/ws'
import { EventSource } from 'eventsource'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import WebSocket, { WebSocketServer } from 'ws'
import { z } from 'zod'
import { Session } from '../../../src/client/transport/session.js'
import type { AppRouter } from '../../../src/server/app-router.js'
import type { CommandEvent } from '../../../src/shared/commands/event.js'
import { type System, startSystem } from '../../support/system.js'

const COUNT = 'for i in 1 2 3 4 5; do echo $i; sleep 0.05; done'

function stockClient(system: System, token: string) {
  const client = createWSClient({
    url: `${system.url.replace('http', 'ws')}/trpc`,
    connectionParams: { token },
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
  })
  const trpc = createTRPCClient<AppRouter>({ links: [wsLink({ client, transformer: superjson })] })
  return { client, trpc, [Symbol.asyncDispose]: () => client.close() }
}

/** Collects a subscription's events to its end. */
function collect(
  subscribe: (handlers: {
    onData: (item: { id: string; data: CommandEvent }) => void
    onError: (error: unknown) => void
    onComplete: () => void
  }) => unknown,
  seen: (item: { id: string; data: CommandEvent }) => void = () => {},
) {
  return new Promise<{ id: string; data: CommandEvent }[]>((resolve, reject) => {
    const items: { id: string; data: CommandEvent }[] = []
    subscribe({
      onData: (item) => {
        items.push(item)
        seen(item)
      },
      onError: reject,
      onComplete: () => resolve(items),
    })
  })
}

function stdoutOf(items: { data: CommandEvent }[]): string {
  return items
    .map(({ data }) => (data.type === 'command_progress' && data.state === 'output' ? data.data : ''))
    .join('')
}

/** An EventSource that sends a token, as a browser's cannot. */
function withToken(token: string) {
  return class extends EventSource {
    constructor(url: string | URL) {
      super(url, {
        fetch: (input, init) =>
          fetch(input, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } }),
      })
    }
  }
}

describe('a stock tRPC client', () => {
  test('runs a command over its WebSocket with text events, the result last', async () => {
    await using system = await startSystem()
    await using stock = stockClient(system, await system.token('operator'))
    const items = await collect((handlers) =>
      stock.trpc.execute.subscribe({ agent_id: 'agent-1', command: COUNT }, handlers),
    )
    expect(stdoutOf(items)).toBe('1\n2\n3\n4\n5\n')
    expect(items.at(-1)?.data).toMatchObject({ type: 'command_result', status: 'success' })
    expect(items.map(({ id }) => Number(id.split(':')[1]))).toEqual(items.map((_, index) => index + 1))
  })

  test('gets base64 when it requests that', async () => {
    await using system = await startSystem()
    await using stock = stockClient(system, await system.token('operator'))
    const command = "printf '\\377\\000'"
    const items = await collect((handlers) =>
      stock.trpc.execute.subscribe({ agent_id: 'agent-1', command, encoding: 'base64' }, handlers),
    )
    expect(stdoutOf(items)).toBe('/wA=')
    expect(items.at(-1)?.data).toMatchObject({ result: { stdout: '/wA=' } })
  })

  test('continues where it was when its socket is lost, and the command runs once', async () => {
    await using system = await startSystem()
    await using stock = stockClient(system, await system.token('operator'))
    const command = `echo x >> ${system.folder}/runs; ${COUNT}`
    let cut = false
    const items = await collect(
      (handlers) =>
        stock.trpc.execute.subscribe({ agent_id: 'agent-1', command, command_id: 'stock-1' }, handlers),
      ({ data }) => {
        if (cut || data.type !== 'command_progress' || data.state !== 'output') return
        cut = true
        const { connection } = stock.client
        if (connection?.state === 'open') connection.ws.close()
      },
    )
    expect(cut).toBe(true)
    expect(stdoutOf(items)).toBe('1\n2\n3\n4\n5\n')
    expect(new Set(items.map(({ id }) => id)).size).toBe(items.length)
    const runs = await system.client().execute({ agent_id: 'agent-1', command: `cat ${system.folder}/runs` })
    expect(runs.stdout).toBe('x\n')
  })

  test('works over HTTP batches and server-sent events as well', async () => {
    await using system = await startSystem()
    const token = await system.token('operator')
    const headers = { authorization: `Bearer ${token}` }
    const trpc = createTRPCClient<AppRouter>({
      links: [
        splitLink({
          condition: ({ type }) => type === 'subscription',
          true: httpSubscriptionLink({
            url: `${system.url}/trpc`,
            transformer: superjson,
            EventSource: withToken(token),
          }),
          false: httpBatchLink({ url: `${system.url}/trpc`, transformer: superjson, headers }),
        }),
      ],
    })
    const [agents, me] = await Promise.all([trpc.agents.list.query(), trpc.auth.me.query()])
    expect(agents).toMatchObject([{ agent_id: 'agent-1', status: 'connected' }])
    expect(me).toMatchObject({ username: 'olga', role: 'operator', roles: ['operator'] })
    const items = await collect((handlers) =>
      trpc.execute.subscribe({ agent_id: 'agent-1', command: COUNT }, handlers),
    )
    expect(stdoutOf(items)).toBe('1\n2\n3\n4\n5\n')
  })
})

describe('our link with a stock tRPC server', () => {
  const t = initTRPC.create({ transformer: superjson })
  const router = t.router({
    add: t.procedure.input(z.tuple([z.number(), z.number()])).query(({ input: [a, b] }) => a + b),
    when: t.procedure.mutation(() => new Date(0)),
    fail: t.procedure.query(() => {
      throw new Error('as it must')
    }),
    count: t.procedure.input(z.number()).subscription(async function* ({ input }) {
      for (let n = 1; n <= input; n++) yield tracked(`n:${n}`, n)
    }),
    forever: t.procedure.subscription(async function* ({ signal }) {
      yield 1
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
      stopped()
    }),
  })
  let stopped = () => {}

  async function stockServer() {
    const wss = new WebSocketServer({ port: 0, host: '127.0.0.1' })
    const frames: string[] = []
    wss.on('connection', (socket) => socket.on('message', (data) => frames.push(String(data))))
    const handler = applyWSSHandler({ wss, router })
    await once(wss, 'listening')
    const url = `http://127.0.0.1:${(wss.address() as AddressInfo).port}`
    const session = await Session.open({ url, token: 't' })
    return {
      session,
      frames,
      handler,
      [Symbol.asyncDispose]: async () => {
        session.close()
        wss.close()
        for (const client of wss.clients) client.terminate()
      },
    }
  }

  function ask(session: Session, type: 'query' | 'mutation' | 'subscription', path: string, input?: unknown) {
    return new Promise<unknown[]>((resolve, reject) => {
      const got: unknown[] = []
      session.call(
        { type, path, input },
        { data: (data) => got.push(data), error: reject, complete: () => resolve(got) },
      )
    })
  }

  test('sends calls of one tick in one frame, and gives each its own answer', async () => {
    await using server = await stockServer()
    const asked = Array.from({ length: 20 }, (_, n) => ask(server.session, 'query', 'add', [n, 1]))
    expect(await Promise.all(asked)).toEqual(Array.from({ length: 20 }, (_, n) => [n + 1]))
    expect(server.frames).toHaveLength(2)
  })

  test('speaks superjson, and handles subscriptions and errors', async () => {
    await using server = await stockServer()
    expect(await ask(server.session, 'mutation', 'when')).toEqual([new Date(0)])
    expect(await ask(server.session, 'subscription', 'count', 3)).toEqual(
      [1, 2, 3].map((n) => ({ id: `n:${n}`, data: n })),
    )
    await expect(ask(server.session, 'query', 'fail')).rejects.toMatchObject({
      shape: { message: 'as it must' },
    })
  })

  test('stops a subscription on the server', async () => {
    await using server = await stockServer()
    const stopping = new Promise<void>((resolve) => {
      stopped = resolve
    })
    const stop = server.session.call(
      { type: 'subscription', path: 'forever', input: undefined },
      { data: () => stop(), error: () => {}, complete: () => {} },
    )
    await stopping
  })

  test('moves its subscriptions when the server asks its clients to reconnect', async () => {
    await using server = await stockServer()
    const failed = new Promise((resolve) => {
      server.session.call(
        { type: 'subscription', path: 'forever', input: undefined },
        { data: () => server.handler.broadcastReconnectNotification(), error: resolve, complete: () => {} },
      )
    })
    expect(await failed).toMatchObject({ code: 'CONNECTION_LOST' })
    expect(server.session.usable).toBe(false)
    await server.session.closed
  })
})
