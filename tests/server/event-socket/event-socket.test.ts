import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket, { type ClientOptions } from 'ws'
import { type accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

type Message = { event: string; id?: string; request_id?: string; data: Record<string, unknown> }

/** A client that speaks nothing but JSON. */
class Plain {
  readonly messages: Message[] = []
  readonly socket: WebSocket
  readonly closed: Promise<number>
  #news: (() => void)[] = []

  constructor(options: ClientOptions = {}, url = system.url) {
    this.socket = new WebSocket(`${url.replace('http', 'ws')}/ws`, options)
    this.socket.on('message', (data, isBinary) => {
      expect(isBinary).toBe(false)
      this.messages.push(JSON.parse(String(data)) as Message)
      for (const go of this.#news.splice(0)) go()
    })
    this.socket.on('error', () => {})
    this.closed = new Promise((resolve) => this.socket.once('close', (code) => resolve(code)))
  }

  static async open(
    role: keyof typeof accounts = 'operator',
    more: object = { agents: false },
  ): Promise<Plain> {
    const plain = new Plain()
    await once(plain.socket, 'open')
    plain.send('authenticate', { token: await system.token(role), ...more })
    await plain.next(({ event }) => event === 'authenticated')
    return plain
  }

  send(event: string, data: object, request_id?: string): void {
    this.socket.send(JSON.stringify({ event, data, request_id }))
  }

  /** The first message of which this holds. */
  async next(holds: (message: Message) => boolean): Promise<Message> {
    while (true) {
      const found = this.messages.find(holds)
      if (found) return found
      await new Promise<void>((resolve) => this.#news.push(resolve))
    }
  }

  of(request_id: string): Message[] {
    return this.messages.filter((message) => message.request_id === request_id)
  }

  [Symbol.dispose](): void {
    this.socket.terminate()
  }
}

const isResult = ({ event }: Message) => event === 'command_result'
const isError = ({ event }: Message) => event === 'error'

describe('a client without tRPC', () => {
  test('learns who it is, and gets the events of its command in their order', async () => {
    using plain = await Plain.open()
    expect(plain.messages).toEqual([{ event: 'authenticated', data: { username: 'olga', role: 'operator' } }])
    plain.send(
      'execute_command_request',
      { agent_id: 'agent-1', command: 'echo out; echo err >&2; exit 3' },
      'one',
    )
    const { data } = await plain.next(isResult)
    expect(data).toMatchObject({
      type: 'command_result',
      agent_id: 'agent-1',
      status: 'error',
      result: { exit_code: 3, stdout: 'out\n', stderr: 'err\n', execution_type: 'local' },
    })
    const events = plain.of('one')
    expect(events.map(({ event }) => event)).toEqual([
      'command_response',
      ...events.slice(1, -1).map(() => 'command_progress'),
      'command_result',
    ])
    expect(events.map(({ id }) => id)).toEqual(events.map((_, at) => `${data.command_id}:${at + 1}`))
  })

  test('may send its token as a header', async () => {
    const authorization = `Bearer ${await system.token('viewer')}`
    using plain = new Plain({ headers: { authorization } })
    expect((await plain.next(() => true)).data).toEqual({ username: 'victor', role: 'viewer' })
    plain.send('authenticate', { token: 'x' }, 'again')
    expect((await plain.next(isError)).data).toMatchObject({ code: 'BAD_REQUEST', request_id: 'again' })
  })

  test.each(['wrong', undefined])('is closed with 4401 when its token is %s', async (token) => {
    using plain = token ? new Plain() : new Plain({ headers: { authorization: 'Bearer wrong' } })
    await once(plain.socket, 'open')
    if (token) plain.send('authenticate', { token }, 'login')
    expect((await plain.next(isError)).data).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(await plain.closed).toBe(4401)
  })

  test('runs nothing before it has sent a token', async () => {
    using plain = new Plain()
    await once(plain.socket, 'open')
    plain.send('execute_command_request', { agent_id: 'agent-1', command: 'true', command_id: 'early' }, 'x')
    expect((await plain.next(isError)).data).toMatchObject({ code: 'UNAUTHORIZED', request_id: 'x' })
    const reply = await system.fetch('/commands/early', 'viewer')
    expect(reply.status).toBe(404)
  })

  test('is refused what its role may not do', async () => {
    using plain = await Plain.open('viewer')
    plain.send('execute_command_request', { agent_id: 'agent-1', command: 'true' }, 'x')
    plain.send('cancel_command_request', { command_id: 'any' }, 'y')
    await plain.next(({ request_id }) => request_id === 'y')
    for (const id of ['x', 'y'])
      expect(plain.of(id)).toMatchObject([{ event: 'error', data: { code: 'FORBIDDEN' } }])
  })

  test.each([
    ['no JSON', 'nonsense', 'BAD_REQUEST'],
    ['bytes', Buffer.from('{}'), 'BAD_REQUEST'],
    ['a list', '[]', 'VALIDATION_FAILED'],
    ['an unknown event', '{"event":"execute","data":{}}', 'VALIDATION_FAILED'],
    ['data that is no object', '{"event":"execute_command_request","data":7}', 'VALIDATION_FAILED'],
    [
      'an unknown field',
      '{"event":"execute_command_request","data":{"agent_id":"agent-1","command":"true","timeout":3}}',
      'VALIDATION_FAILED',
    ],
    [
      'an unknown agent',
      '{"event":"execute_command_request","data":{"agent_id":"x","command":"true"}}',
      'AGENT_NOT_FOUND',
    ],
    [
      'an unknown command',
      '{"event":"follow_command_request","data":{"command_id":"x"}}',
      'COMMAND_NOT_FOUND',
    ],
  ])('that sends %s gets an error, and goes on', async (_, message, code) => {
    using plain = await Plain.open()
    plain.socket.send(message)
    expect((await plain.next(isError)).data).toMatchObject({ code, status: expect.any(Number) })
    plain.send('execute_command_request', { agent_id: 'agent-1', command: 'true' })
    expect((await plain.next(isResult)).data).toMatchObject({ status: 'success' })
  })

  test('goes on after the last event that it has when its socket was lost', async () => {
    const command = 'for i in 1 2 3 4 5 6; do echo $i; sleep 0.1; done'
    let first: Message[]
    {
      using plain = await Plain.open()
      plain.send('execute_command_request', { agent_id: 'agent-1', command, command_id: 'resumed' })
      await plain.next(({ data }) => data.state === 'output')
      first = plain.messages.filter(({ id }) => id !== undefined)
    }
    using plain = await Plain.open()
    plain.send('follow_command_request', { command_id: 'resumed', lastEventId: first.at(-1)?.id })
    await plain.next(isResult)
    const all = [...first, ...plain.messages.filter(({ id }) => id !== undefined)]
    expect(all.map(({ id }) => id)).toEqual(all.map((_, at) => `resumed:${at + 1}`))
    const output = all.flatMap(({ data }) => (data.state === 'output' ? [data.data] : []))
    expect(output.join('')).toBe('1\n2\n3\n4\n5\n6\n')
  })

  test('cancels a command', async () => {
    using plain = await Plain.open()
    plain.send(
      'execute_command_request',
      { agent_id: 'agent-1', command: 'sleep 60', command_id: 'long' },
      'run',
    )
    await plain.next(({ data }) => data.state === 'started')
    plain.send('cancel_command_request', { command_id: 'long' }, 'end')
    expect((await plain.next(isResult)).data).toMatchObject({ status: 'cancelled' })
    expect(plain.of('end')).toEqual([
      { event: 'cancel_requested', request_id: 'end', data: { command_id: 'long' } },
    ])
  })

  test('hears of agents that come and go, unless it does not want to', async () => {
    using plain = await Plain.open('viewer', {})
    using quiet = await Plain.open('viewer')
    const agent = await system.addAgent('agent-2')
    const came = await plain.next(({ event }) => event === 'agent_connected')
    expect(came.data).toMatchObject({ agent: { agent_id: 'agent-2', status: 'connected' } })
    await agent.stop({ drainMs: 0 })
    const went = await plain.next(({ event }) => event === 'agent_disconnected')
    expect(went.data).toMatchObject({ agent: { agent_id: 'agent-2', status: 'disconnected' } })
    expect(quiet.messages).toHaveLength(1)
  })

  test('gets every byte when it reads slowly', async () => {
    using plain = await Plain.open()
    const bytes = 20_000_000
    const command = `head -c ${bytes} /dev/zero | tr '\\0' x`
    plain.send('execute_command_request', { agent_id: 'agent-1', command })
    await plain.next(({ data }) => data.state === 'output')
    plain.socket.pause()
    await new Promise((resolve) => setTimeout(resolve, 500))
    plain.socket.resume()
    const { data } = await plain.next(isResult)
    expect(data).toMatchObject({ result: { stdout_bytes: bytes } })
    const lengths = plain.messages.map(({ data }) => (data.state === 'output' ? String(data.data).length : 0))
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(bytes)
  })

  test('stays while it answers pings, and is given up when it does not', { timeout: 60_000 }, async () => {
    const authorization = `Bearer ${await system.token('viewer')}`
    using quiet = new Plain({ headers: { authorization } })
    using dead = new Plain({ headers: { authorization }, autoPong: false })
    expect(await dead.closed).toBe(1006)
    expect(quiet.socket.readyState).toBe(WebSocket.OPEN)
  })
})

test('a page of another origin is refused', async () => {
  using plain = new Plain({ origin: 'https://elsewhere.example' })
  const [, reply] = await once(plain.socket, 'unexpected-response')
  expect(reply.statusCode).toBe(403)
})

test('a controller that stops says so to its clients', async () => {
  const other = await startSystem({ agent: false })
  using plain = new Plain({ headers: { authorization: `Bearer ${await other.token('viewer')}` } }, other.url)
  await plain.next(({ event }) => event === 'authenticated')
  await other[Symbol.asyncDispose]()
  expect(await plain.closed).toBe(1012)
})
