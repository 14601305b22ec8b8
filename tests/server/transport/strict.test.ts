import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { strict } from '../../../src/server/transport/strict.js'
import { OgentError } from '../../../src/shared/errors.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
let headers: Record<string, string>
beforeAll(async () => {
  system = await startSystem()
  headers = { authorization: `Bearer ${await system.token('operator')}`, 'content-type': 'application/json' }
})
afterAll(() => system[Symbol.asyncDispose]())

type Issue = { loc: string[]; msg: string; type: string }

async function refused(path: string, init: RequestInit = {}): Promise<Issue[]> {
  const reply = await fetch(`${system.url}${path}`, { headers, ...init })
  expect(reply.status).toBe(422)
  const { code, detail } = (await reply.json()) as { code: string; detail: Issue[] }
  expect(code).toBe('VALIDATION_FAILED')
  return detail
}

const post = (body: object) => ({ method: 'POST', body: JSON.stringify(body) })

describe('REST refuses an unknown', () => {
  test('field of a body, and names the one that was meant', async () => {
    const body = { command: 'true', timout_seconds: 3 }
    expect(await refused(`/agents/agent-1/execute`, post(body))).toEqual([
      {
        loc: ['body', 'timout_seconds'],
        msg: 'is not known: did you mean `timeout_seconds`?',
        type: 'unknown_field',
      },
    ])
    const { commands } = await system.client('operator').commands.list()
    expect(commands).toEqual([])
  })

  test('field of a body, each with its own line', async () => {
    const issues = await refused('/agents/analyze', post({ command: 'true', sytem: 'Debian', 'a\nb': 1 }))
    expect(issues.map(({ loc, msg }) => [loc.join('.'), msg])).toEqual([
      ['body.sytem', 'is not known: did you mean `system`?'],
      ['body.a\nb', expect.stringMatching(/^is not known: command, .* are taken$/)],
    ])
  })

  test('field beside one that is wrong, and says both', async () => {
    const issues = await refused(`/agents/agent-1/execute`, post({ command: '', foo: 1 }))
    expect(issues.map(({ loc }) => loc.join('.')).sort()).toEqual(['body.command', 'body.foo'])
  })

  test('parameter of a query', async () => {
    expect(await refused('/commands?agent=web-1')).toEqual([
      { loc: ['query', 'agent'], msg: 'is not known: did you mean `agent_id`?', type: 'unknown_field' },
    ])
    expect(await refused('/agents?label=role=web')).toHaveLength(1)
    expect(await refused('/users/me?verbose=1')).toEqual([
      { loc: ['query', 'verbose'], msg: 'is not known: none is taken here', type: 'unknown_field' },
    ])
  })

  test('field of a login, but not those of the password flow of OAuth2', async () => {
    const { username, password } = accounts.operator
    const login = (fields: Record<string, string>) =>
      fetch(`${system.url}/token`, {
        method: 'POST',
        body: new URLSearchParams({ username, password, ...fields }),
      })
    const flow = { grant_type: 'password', scope: '', client_id: 'x', client_secret: 'y' }
    expect((await login(flow)).status).toBe(200)
    expect((await login({ grant_type: 'client_credentials' })).status).toBe(422)
    expect((await login({ otp: '123' })).status).toBe(422)
  })
})

describe('tRPC refuses an unknown', () => {
  // What plain JavaScript would send.
  const request = () => ({ agent_id: 'agent-1', command: 'true', timout_seconds: 3 })
  const failure = {
    code: 'VALIDATION_FAILED',
    issues: [{ loc: ['timout_seconds'], msg: 'is not known: did you mean `timeout_seconds`?' }],
  }

  const failureOf = (act: PromiseLike<unknown>) =>
    act.then(
      () => undefined,
      (reason: unknown) => reason,
    )

  test('field by the SDK, and starts nothing', async () => {
    const ogent = system.client('operator')
    for (const act of [ogent.execute(request()), ogent.commands.start(request())]) {
      const error = await failureOf(act)
      expect(error).toBeInstanceOf(OgentError)
      expect(error).toMatchObject(failure)
    }
    expect((await ogent.commands.list()).commands).toEqual([])
  })

  test('field by a stock client, and starts nothing', async () => {
    const ogent = system.client('operator')
    const error = await failureOf(ogent.trpc.commands.start.mutate(request()))
    expect(error).toMatchObject({ data: { ogent: failure } })
    expect((await ogent.commands.list()).commands).toEqual([])
  })
})

describe('a strict schema', () => {
  const fields = z.object({ limit: z.number().default(1) })
  test.each([
    ['an object', fields],
    ['what may be left out', fields.optional()],
    ['what has a default', fields.default({ limit: 2 })],
    ['what is parsed from a default', fields.prefault({})],
  ])('of %s refuses an unknown field, and takes what the schema takes', (_, schema) => {
    expect(strict(schema).parse({ limit: 3 })).toEqual({ limit: 3 })
    expect(strict(schema).safeParse(undefined)).toMatchObject(
      schema.safeParse(undefined).success
        ? { success: true, data: schema.parse(undefined) }
        : { success: false },
    )
    expect(strict(schema).safeParse({ limt: 3 })).toMatchObject({
      error: { issues: [{ message: 'is not known: did you mean `limit`?' }] },
    })
  })
})
