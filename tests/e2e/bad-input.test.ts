import { on, once } from 'node:events'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import WebSocket from 'ws'
import { processesOf, until } from '../support/processes.js'
import { type System, startSystem } from '../support/system.js'

const EXECUTE = '/agents/agent-1/execute'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

async function problem(reply: Promise<Response>) {
  const response = await reply
  expect(response.headers.get('content-type')).toBe('application/problem+json')
  return (await response.json()) as Record<string, unknown>
}

function post(path: string, body: unknown, role: 'operator' | 'viewer' | 'agent' | undefined = 'operator') {
  return system.fetch(path, role, { method: 'POST', body: JSON.stringify(body) })
}

async function stillServing() {
  const reply = await post(EXECUTE, { command: 'echo alive' })
  expect(await reply.json()).toMatchObject({ status: 'success', result: { stdout: 'alive\n' } })
}

describe('a caller', () => {
  test('gets 401 with the documented detail for wrong credentials', async () => {
    const body = new URLSearchParams({ username: 'admin', password: 'wrong' })
    const reply = fetch(`${system.url}/token`, { method: 'POST', body })
    expect(await problem(reply)).toMatchObject({ status: 401, detail: 'Incorrect username or password' })
    expect((await reply).headers.get('www-authenticate')).toBe('Bearer')
  })

  test('gets 401 for no token, a wrong token and a token of another key', async () => {
    const forged =
      'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.c2lnbmF0dXJl'
    const none = 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJhZG1pbiIsInJvbGUiOiJhZG1pbiIsImV4cCI6NDEwMjQ0NDgwMH0.'
    for (const token of [undefined, 'nonsense', forged, none]) {
      const headers = new Headers(token === undefined ? {} : { authorization: `Bearer ${token}` })
      expect(await problem(fetch(`${system.url}/agents`, { headers }))).toMatchObject({
        code: 'UNAUTHORIZED',
      })
    }
  })

  test('gets 401 with the reason for an expired token', async () => {
    await using brief = await startSystem({
      agent: false,
      controller: { ACCESS_TOKEN_EXPIRE_MINUTES: 1 / 60 },
    })
    const token = await brief.token('viewer')
    const ask = () => fetch(`${brief.url}/users/me`, { headers: { authorization: `Bearer ${token}` } })
    await until('the token has expired', async () => (await ask()).status === 401)
    expect(await problem(ask())).toMatchObject({ code: 'UNAUTHORIZED', detail: 'The token has expired.' })
  })

  test('may not execute as a viewer or an agent', async () => {
    for (const role of ['viewer', 'agent'] as const) {
      expect(await problem(post(EXECUTE, { command: 'true' }, role))).toMatchObject({
        status: 403,
        code: 'FORBIDDEN',
      })
      const run = system.client(role).execute({ agent_id: 'agent-1', command: 'true' })
      await expect(run).rejects.toMatchObject({ code: 'FORBIDDEN' })
    }
  })
})

describe('a request that cannot be served', () => {
  test('gets 404 when the agent is unknown', async () => {
    expect(await problem(post('/agents/nobody/execute', { command: 'true' }))).toMatchObject({
      status: 404,
      code: 'AGENT_NOT_FOUND',
      detail: 'Agent with ID nobody not found',
    })
  })

  test('gets 409 when the agent is offline, at once or after the requested wait', async () => {
    const away = await system.addAgent('away-1')
    await away.stop()
    for (const deliver_within_seconds of [0, 0.2]) {
      const body = { command: 'true', deliver_within_seconds }
      expect(await problem(post('/agents/away-1/execute', body))).toMatchObject({
        status: 409,
        code: 'AGENT_OFFLINE',
      })
      const run = system.client().execute({ agent_id: 'away-1', command: 'true', deliver_within_seconds })
      await expect(run).rejects.toMatchObject({ code: 'AGENT_OFFLINE' })
    }
  })

  test('gets 409 when it asks for SSH on an agent without a target', async () => {
    expect(await problem(post(EXECUTE, { command: 'true', execution_target: 'ssh' }))).toMatchObject({
      status: 409,
      code: 'TARGET_UNAVAILABLE',
    })
  })

  test.each([
    ['an empty command', { command: '' }],
    ['a huge command', { command: 'x'.repeat(128 * 1024 + 1) }],
    ['a NUL byte', { command: 'echo a\0b' }],
    ['a number for a command', { command: 7 }],
    ['no command', {}],
    ['an unknown target', { command: 'true', execution_target: 'moon' }],
    ['a variable with a bad name', { command: 'true', env: { 'A=B': 'c' } }],
    ['a negative time-out', { command: 'true', timeout_seconds: -1 }],
  ])('gets 422 with a list of what is wrong for %s', async (_what, body) => {
    const told = await problem(post(EXECUTE, body))
    expect(told).toMatchObject({ status: 422, code: 'VALIDATION_FAILED' })
    expect(told.detail).toEqual([
      {
        loc: ['body', expect.any(String), ...('env' in body ? ['A=B'] : [])],
        msg: expect.any(String),
        type: expect.any(String),
      },
    ])
  })

  test('gets VALIDATION_FAILED over tRPC for the same', async () => {
    const run = system.client().execute({ agent_id: 'agent-1', command: 'a\0b' })
    await expect(run).rejects.toMatchObject({
      code: 'VALIDATION_FAILED',
      issues: [{ loc: ['command'], msg: expect.stringContaining('NUL') }],
    })
  })

  test('is accepted when its command has exactly 128 KiB', async () => {
    const command = `: '${'x'.repeat(128 * 1024 - 13)}'; echo $0`
    expect(Buffer.byteLength(command)).toBe(128 * 1024)
    const outcome = await system.client().execute({ agent_id: 'agent-1', command })
    expect(outcome).toMatchObject({ status: 'success', stdout: '/bin/sh\n' })
  })

  test('gets 400 for malformed JSON, 413 for a body that is too large, 404 for an unknown path', async () => {
    const init = { method: 'POST', headers: { 'content-type': 'application/json' } }
    expect(await problem(system.fetch(EXECUTE, 'operator', { ...init, body: '{"command":' }))).toMatchObject({
      code: 'BAD_REQUEST',
    })
    const large = JSON.stringify({ command: 'x'.repeat(5 * 1024 * 1024) })
    expect(await problem(system.fetch(EXECUTE, 'operator', { ...init, body: large }))).toMatchObject({
      status: 413,
    })
    expect(await problem(system.fetch('/nowhere', 'operator'))).toMatchObject({
      status: 404,
      code: 'NOT_FOUND',
    })
    await stillServing()
  })
})

describe('a socket that misbehaves', () => {
  const socketUrl = () => `${system.url.replace('http', 'ws')}/trpc`

  async function opened(url: string): Promise<WebSocket> {
    const socket = new WebSocket(url)
    await once(socket, 'open')
    return socket
  }

  test('gets parse errors for garbage, as text or bytes', async () => {
    for (const garbage of ['{{{', '[]x', Buffer.from([0, 0, 0, 99, 1, 2]), Buffer.alloc(3)]) {
      const socket = await opened(socketUrl())
      const reply = once(socket, 'message')
      socket.send(garbage)
      expect(JSON.parse(String((await reply)[0]))).toMatchObject({
        error: { json: { data: { code: 'PARSE_ERROR' } } },
      })
      socket.close()
    }
    await stillServing()
  })

  test('is closed when its first frame is not the announced connectionParams', async () => {
    const socket = await opened(`${socketUrl()}?connectionParams=1`)
    const closed = once(socket, 'close')
    socket.send('nonsense')
    await closed
  })

  test('gets a refusal of a call without a token, and stays open', async () => {
    const socket = await opened(socketUrl())
    const reply = once(socket, 'message')
    socket.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'agents.list' } }))
    const message = JSON.parse(String((await reply)[0]))
    expect(message).toMatchObject({ id: 1, error: { json: { data: { ogent: { code: 'UNAUTHORIZED' } } } } })
    socket.close()
  })

  test.each(['text', 'binary'])(
    'gets the code of an error that a subscription throws, in %s frames',
    async (frames) => {
      const socket = await opened(`${socketUrl()}?connectionParams=1`)
      const data = { token: await system.token('operator'), frames }
      socket.send(JSON.stringify({ method: 'connectionParams', data }))
      const input = { json: { agent_id: 'nobody', command: 'true' } }
      socket.send(JSON.stringify({ id: 1, method: 'subscription', params: { path: 'execute', input } }))
      for await (const [reply] of on(socket, 'message')) {
        const { error } = JSON.parse(String(reply))
        if (!error) continue
        expect(error.json.data).toMatchObject({ code: 'NOT_FOUND', ogent: { code: 'AGENT_NOT_FOUND' } })
        break
      }
      socket.close()
    },
  )

  test('is closed with 1009, and no other is, when a message exceeds the size limit', async () => {
    const socket = await opened(`${socketUrl()}?connectionParams=1`)
    const data = { token: await system.token('operator') }
    socket.send(JSON.stringify({ method: 'connectionParams', data }))
    socket.send(JSON.stringify({ id: 1, method: 'query', params: { path: 'auth.me' } }))
    await once(socket, 'message')
    const closed = once(socket, 'close')
    socket.send('x'.repeat(5 * 1024 * 1024))
    expect((await closed)[0]).toBe(1009)
    await stillServing()
  })
})

describe('a command that misbehaves', () => {
  const run = (command: string, more: object = {}) =>
    system.client().execute({ agent_id: 'agent-1', command, ...more })

  test('is reported with the reason when it cannot start', async () => {
    expect(await run('true', { cwd: '/no/such/folder' })).toMatchObject({
      status: 'error',
      exit_code: null,
      reason: expect.stringContaining('/no/such/folder'),
    })
  })

  test('is read on both streams when it floods stderr before it writes to stdout', async () => {
    const outcome = await run('head -c 300000 /dev/zero >&2; echo done')
    expect(outcome).toMatchObject({ status: 'success', stderr_bytes: 300_000, stdout: 'done\n' })
  })

  test('is killed after the grace period when it ignores TERM', async () => {
    const outcome = await run('trap "" TERM; echo on; while :; do sleep 0.1; done', { timeout_seconds: 0.3 })
    expect(outcome).toMatchObject({ status: 'timeout', exit_code: null, signal: 'SIGKILL', stdout: 'on\n' })
    expect(processesOf(outcome.command_id)).toEqual([])
  })

  test('ends, with its children, when these keep its output open', async () => {
    const outcome = await run('sleep 300 & echo started')
    expect(outcome).toMatchObject({
      status: 'success',
      exit_code: 0,
      stdout: 'started\n',
      reason: expect.stringContaining('left behind'),
    })
    expect(processesOf(outcome.command_id)).toEqual([])
  })

  test('has a signal and no exit code when it is killed', async () => {
    expect(await run('kill -KILL $$')).toMatchObject({ status: 'error', exit_code: null, signal: 'SIGKILL' })
  })

  test('is gone with its children when it is cancelled', async () => {
    const cancelled = run('sleep 300 & sleep 300 & echo on; wait')
    for await (const chunk of cancelled.stdout) if (chunk.includes('on')) await cancelled.cancel()
    const outcome = await cancelled
    expect(outcome).toMatchObject({ status: 'cancelled', reason: 'Cancelled by olga.' })
    expect(processesOf(outcome.command_id)).toEqual([])
    await expect(cancelled.cancel()).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
  })

  test('waits its turn when the maximum is running, and can be cancelled meanwhile', async () => {
    await system.addAgent('narrow', { MAX_CONCURRENT_COMMANDS: 1 })
    const ogent = system.client()
    const first = ogent.execute({ agent_id: 'narrow', command: 'cat', stdin: '', timeout_seconds: 20 })
    await first
    const long = ogent.execute({ agent_id: 'narrow', command: 'echo on; sleep 30' })
    for await (const _chunk of long.stdout) break
    const waiting = ogent.execute({ agent_id: 'narrow', command: 'echo never' })
    for await (const event of waiting) {
      if (event.type === 'command_response') await waiting.cancel()
    }
    expect(await waiting).toMatchObject({ status: 'cancelled', exit_code: null, stdout: '' })
    await long.cancel()
    expect(await long).toMatchObject({ status: 'cancelled' })
  })
})
