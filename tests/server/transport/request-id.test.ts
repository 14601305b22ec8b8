import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { packageVersion } from '../../../src/host/version.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(() => system[Symbol.asyncDispose]())

describe('an answer names its request and the version', () => {
  test.each([
    ['/health', undefined, 200],
    ['/agents', 'viewer', 200],
    ['/agents', undefined, 401],
    ['/nowhere', undefined, 404],
    ['/commands?limit=x', 'viewer', 422],
    ['/trpc/agents.list', 'viewer', 200],
    ['/trpc/nothing', 'viewer', 404],
  ] as const)('when it is that of %s as %s', async (path, role, status) => {
    const reply = await system.fetch(path, role)
    expect(reply.status).toBe(status)
    expect(reply.headers.get('ogent-version')).toBe(packageVersion())
    expect(reply.headers.get('request-id')).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/)
  })

  test('and each has an id of its own', async () => {
    const ids = await Promise.all(
      [1, 2, 3].map(async () => (await system.fetch('/health', undefined)).headers.get('request-id')),
    )
    expect(new Set(ids).size).toBe(3)
  })

  test.each(['Request-Id', 'X-Request-Id'])('with the id of the client when it sends %s', async (name) => {
    const reply = await system.fetch('/agents', undefined, { headers: { [name]: 'abc-1:2.3' } })
    expect(reply.headers.get('request-id')).toBe('abc-1:2.3')
    expect(await reply.json()).toMatchObject({ code: 'UNAUTHORIZED', request_id: 'abc-1:2.3' })
  })

  test.each(['', 'a b', '<script>', '"x"', 'x'.repeat(129)])(
    'with a new id when the client sends %j',
    async (id) => {
      const reply = await system.fetch('/health', undefined, { headers: { 'request-id': id } })
      expect(reply.headers.get('request-id')).toMatch(/^[0-9A-Z]{26}$/)
    },
  )
})

test('an error of tRPC over HTTP names its request', async () => {
  const reply = await system.fetch('/trpc/agents.get?input=%7B%7D', 'viewer', {
    headers: { 'request-id': 'call-1' },
  })
  expect(await reply.json()).toMatchObject({ error: { json: { data: { ogent: { request_id: 'call-1' } } } } })
})

test('a 422 has its list, and the same in a sentence', async () => {
  const reply = await system.fetch('/commands?limit=x&status=done', 'viewer')
  const body = (await reply.json()) as { detail: { msg: string }[]; summary: string }
  expect(body.detail).toHaveLength(2)
  for (const { msg } of body.detail) expect(body.summary).toContain(msg)
})
