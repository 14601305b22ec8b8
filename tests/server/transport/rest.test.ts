import { once } from 'node:events'
import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type System, startSystem } from '../../support/system.js'

const PAGE = 'https://app.example.com'
const EXECUTE = '/agents/agent-1/execute'

let system: System
beforeAll(async () => {
  system = await startSystem({ controller: { CORS_ORIGINS: [PAGE] } })
})
afterAll(() => system[Symbol.asyncDispose]())

/** A POST by an operator. */
function post(path: string, body: string, headers: Record<string, string> = {}) {
  return system.fetch(path, 'operator', { method: 'POST', body, headers })
}

/** A command that runs until it is cancelled. */
async function startLong(command_id: string): Promise<void> {
  const body = JSON.stringify({ command: 'echo on; sleep 60', command_id })
  expect((await post(EXECUTE, body, { prefer: 'respond-async' })).status).toBe(202)
}

describe('a method', () => {
  const wrong = [
    ['POST', '/health', 'GET, HEAD'],
    ['DELETE', '/agents', 'GET, HEAD'],
    ['PUT', '/agents/a1', 'DELETE, GET, HEAD, PATCH'],
    ['POST', '/agents/a1/', 'DELETE, GET, HEAD, PATCH'],
    ['PUT', '/agents/analyze', 'DELETE, GET, HEAD, PATCH, POST'],
    ['GET', '/token', 'POST'],
    ['HEAD', '/token', 'POST'],
    ['PROPFIND', '/', 'GET, HEAD'],
    ['POST', '/docs/api/static/index.css', 'GET, HEAD'],
    ['GET', '/commands/x/cancel', 'POST'],
    ['POST', '/metrics', 'GET, HEAD'],
  ] as const

  test.each(wrong)('%s is refused at %s, with the methods that are allowed', async (method, path, allow) => {
    const headers = { 'content-type': 'text/strange' }
    const body = method === 'GET' || method === 'HEAD' ? null : 'anything'
    const reply = await fetch(`${system.url}${path}`, { method, headers, body })
    expect(reply.status).toBe(405)
    expect(reply.headers.get('allow')).toBe(allow)
    if (method === 'HEAD') return
    expect(await reply.json()).toMatchObject({ code: 'METHOD_NOT_ALLOWED', status: 405 })
  })

  test('of any kind is 404 on an unknown path', async () => {
    for (const path of ['/nowhere', '/agents/a1/b/c', '/agents//execute', '/commands/x/nothing']) {
      for (const method of ['GET', 'DELETE']) {
        const reply = await fetch(`${system.url}${path}`, { method })
        expect(reply.status, `${method} ${path}`).toBe(404)
        expect(reply.headers.get('allow')).toBeNull()
      }
    }
  })

  test('HEAD is allowed wherever GET is, and a preflight as before', async () => {
    expect((await fetch(`${system.url}/health`, { method: 'HEAD' })).status).toBe(200)
    const headers = { origin: PAGE, 'access-control-request-method': 'POST' }
    expect((await fetch(`${system.url}/token`, { method: 'OPTIONS', headers })).status).toBe(204)
  })
})

test.each([
  'respond-async',
  'Respond-Async ; foo=1',
  'wait=10, respond-async',
  'handling=lenient; note="a, b", respond-async; foo="1, 2"; bar',
  'respond-async=""',
])('the preference %s requests an early answer', async (prefer) => {
  const reply = await post(EXECUTE, '{"command":"true"}', { prefer })
  expect(reply.status).toBe(202)
  expect(reply.headers.get('preference-applied')).toBe('respond-async')
})

test('several Prefer headers are read as one, and one that only looks like the preference is ignored', async () => {
  const ask = async (prefer: string[]) => {
    const headers = { authorization: `Bearer ${await system.token('operator')}`, prefer }
    const sent = request(`${system.url}${EXECUTE}`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
    })
    const answered = once(sent, 'response')
    sent.end('{"command":"true"}')
    const [reply] = await answered
    reply.resume()
    return reply.statusCode
  }
  expect(await ask(['wait=1', 'respond-async; foo=1'])).toBe(202)
  for (const other of [
    'x-respond-async',
    'note="respond-async"',
    'a="x, respond-async, y"',
    'a; respond-async',
  ]) {
    expect(await ask([other]), other).toBe(200)
  }
})

describe('a 422 names the place of the error', () => {
  const wrong = async (reply: Promise<Response>) => {
    const { status, detail } = (await (await reply).json()) as { status: number; detail: unknown }
    expect(status).toBe(422)
    return detail
  }

  test('in a header', async () => {
    const key = { 'idempotency-key': 'not an id' }
    expect(await wrong(post(EXECUTE, '{"command":"true"}', key))).toMatchObject([
      { loc: ['header', 'Idempotency-Key'], msg: expect.stringContaining('takes 1 to 128') },
    ])
    await post(EXECUTE, '{"command":"true","command_id":"placed"}')
    for (const seen of ['other:1', 'nonsense', '-1']) {
      const headers = { 'last-event-id': seen }
      expect(await wrong(system.fetch('/commands/placed/events', 'operator', { headers }))).toMatchObject([
        { loc: ['header', 'Last-Event-ID'], msg: 'is not an event of command placed' },
      ])
    }
  })

  test('in the query, in the path and in the body', async () => {
    const query = system.fetch('/commands?limit=two&status=odd', 'operator')
    expect(await wrong(query)).toMatchObject([{ loc: ['query', 'status'] }, { loc: ['query', 'limit'] }])
    const output = system.fetch('/commands/placed/output?stream=third', 'operator')
    expect(await wrong(output)).toMatchObject([{ loc: ['query', 'stream'] }])
    expect(await wrong(post(`/commands/${'x'.repeat(129)}/cancel`, ''))).toMatchObject([
      { loc: ['path', 'command_id'] },
    ])
    expect(await wrong(post(EXECUTE, '{"command":7}'))).toMatchObject([{ loc: ['body', 'command'] }])
  })
})

describe('an event id that never existed', () => {
  const seen = (command_id: string, id: string) =>
    system.fetch(`/commands/${command_id}/events`, 'viewer', { headers: { 'last-event-id': id } })

  test('is refused as a place to resume from, whether the command runs or has ended; the last one is accepted', async () => {
    await startLong('ahead')
    const run = system.client().commands.attach('ahead')
    for await (const event of run) if (event.type === 'command_progress' && event.state === 'output') break
    const last = run.last_seq ?? 0
    const refused = async (id: string) => {
      const reply = await seen('ahead', id)
      expect(reply.status).toBe(422)
      const [issue] = ((await reply.json()) as { detail: { loc: unknown; msg: string }[] }).detail
      expect(issue?.loc).toEqual(['header', 'Last-Event-ID'])
      expect(issue?.msg).toMatch(/^is not an event of command ahead, whose last one so far is \d+$/)
    }
    const live = await seen('ahead', String(last))
    expect(live.status).toBe(200)
    // It may be one that a killed controller showed and gets again, so it is waited for; the end is told by then.
    const next = seen('ahead', `ahead:${last + 1}`)
    await refused('999')
    await run.cancel()
    expect(await live.text()).toMatch(/event: command_result/)
    await run
    expect((await next).status).toBe(200)
    expect(await (await next).text()).toMatch(/event: command_result/)
    await refused('999')
    expect((await seen('ahead', String(run.last_seq))).status).toBe(204)
  })

  test('is refused over tRPC too, and starts nothing there', async () => {
    await post(EXECUTE, '{"command":"true","command_id":"short"}')
    const { trpc, commands } = system.client()
    const failure = (subscribe: (on: { onError(error: unknown): void; onComplete(): void }) => unknown) =>
      new Promise<unknown>((resolve) => {
        subscribe({ onError: resolve, onComplete: () => resolve(undefined) })
      })
    const data = { ogent: { code: 'VALIDATION_FAILED', issues: [{ loc: ['lastEventId'] }] } }
    const followed = { command_id: 'short', lastEventId: 'short:999' }
    expect(await failure((on) => trpc.commands.follow.subscribe(followed, on))).toMatchObject({ data })
    const again = { agent_id: 'agent-1', command: 'true', command_id: 'short', lastEventId: 'short:999' }
    expect(await failure((on) => trpc.execute.subscribe(again, on))).toMatchObject({ data })
    const foreign = { ...again, command_id: 'never', lastEventId: 'short:1' }
    expect(await failure((on) => trpc.execute.subscribe(foreign, on))).toMatchObject({ data })
    await expect(commands.get('never')).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  })

  test('may be waited for by its number; the SDK says when the command ended before', async () => {
    const run = system.client().commands.attach('short', { from_seq: 999 })
    await expect(run).rejects.toMatchObject({ code: 'COMMAND_ENDED' })
  })
})

describe('a body', () => {
  const FORM = 'application/x-www-form-urlencoded'

  test.each(['application/json', FORM, 'text/plain'])(
    'of the type %s without a byte is treated as absent: a command is cancelled',
    async (type) => {
      const command_id = `empty-${type.replace(/\W/g, '-')}`
      await startLong(command_id)
      const reply = await post(`/commands/${command_id}/cancel`, '', { 'content-type': type })
      expect(reply.status).toBe(202)
      expect(await system.client().commands.attach(command_id)).toMatchObject({ status: 'cancelled' })
    },
  )

  test('gets 422 when it is missing and required', async () => {
    const reply = await post(EXECUTE, '', { 'content-type': 'application/json' })
    expect(reply.status).toBe(422)
    expect(await reply.json()).toMatchObject({ detail: [{ loc: ['body', 'command'] }] })
  })

  test('must be JSON: a form or a text runs nothing and gets 415', async () => {
    const before = await (await system.fetch('/commands', 'operator')).json()
    const bodies = [
      [FORM, 'command=true'],
      ['text/plain', '{"command":"true"}'],
      ['application/xml', '<command/>'],
    ] as const
    for (const path of [EXECUTE, '/agents/analyze', '/commands/none/cancel']) {
      for (const [type, body] of bodies) {
        const reply = await post(path, body, { 'content-type': type })
        expect(reply.status, `${type} at ${path}`).toBe(415)
        expect(await reply.json()).toMatchObject({
          code: 'UNSUPPORTED_MEDIA_TYPE',
          detail: `${type} is not taken here: send application/json.`,
        })
      }
    }
    expect(await (await system.fetch('/commands', 'operator')).json()).toEqual(before)
  })

  test('of a login may be a form or JSON', async () => {
    const fields = { username: 'olga', password: 'operator-pass-1' }
    const asJson = { body: JSON.stringify(fields), headers: { 'content-type': 'application/json' } }
    for (const init of [{ body: new URLSearchParams(fields) }, asJson]) {
      expect((await fetch(`${system.url}/token`, { method: 'POST', ...init })).status).toBe(200)
    }
  })
})
