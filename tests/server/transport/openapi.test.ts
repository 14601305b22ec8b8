import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { errorTable } from '../../../src/shared/errors.js'
import { temporaryFolder } from '../../support/folder.js'
import { resolved } from '../../support/json-schema.js'
import { described as operations, registeredRoutes } from '../../support/routes.js'
import { repository } from '../../support/samples.js'
import { type System, startSystem } from '../../support/system.js'

type Reply = { content?: Record<string, { schema: Record<string, unknown> }> }
type Operation = { responses: Record<string, Reply>; security: unknown[] }
type Document = {
  openapi: string
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, Record<string, unknown>> }
}

let system: System
let document: Document
beforeAll(async () => {
  system = await startSystem()
  document = (await (await fetch(`${system.url}/openapi.json`)).json()) as Document
})
afterAll(() => system[Symbol.asyncDispose]())

test('the OpenAPI document passes the linter', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'openapi.json')
  writeFileSync(file, JSON.stringify(document))
  writeFileSync(join(folder.path, 'redocly.yaml'), lintRules)
  const linter = join(repository, 'node_modules/@redocly/cli/bin/cli.js')
  const args = [linter, 'lint', file, '--config', join(folder.path, 'redocly.yaml'), '--format', 'json']
  const env = {
    PATH: process.env.PATH ?? '',
    REDOCLY_TELEMETRY: 'off',
    REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true',
  }
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd: folder.path }).catch(
    (failed: { stdout: string }) => failed,
  )
  const { problems } = JSON.parse(stdout) as { problems: { ruleId: string; message: string }[] }
  expect(problems.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([])
})

/** All that is recommended, as errors; but a page that is open to all has no 4xx of its own, and one that only leads on no 2xx. */
const lintRules = `
extends: [recommended-strict]
rules:
  operation-2xx-response: off
  operation-4xx-response: off
`

test('the OpenAPI document has every route of the code, and no other', async () => {
  const routes = Object.keys(await registeredRoutes()).map((route) => route.replaceAll(/:(\w+)/g, '{$1}'))
  const described = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  )
  expect(document.openapi).toMatch(/^3\.1\./)
  expect(described.sort()).toEqual(routes.sort())
})

test('an operation requires a token when its route does', async () => {
  for (const [route, { access }] of Object.entries(operations)) {
    const [method = '', path = ''] = route.split(' ')
    const operation = document.paths[path]?.[method.toLowerCase()]
    expect(operation?.security.length === 0, route).toBe(access === 'open')
    const { status } = await system.fetch(path.replaceAll(/\{\w+\}/g, 'nobody'), undefined, { method })
    expect(status === 401, route).toBe(access !== 'open')
  }
})

/** Paths of all routes that may come with a body. */
const posts = Object.keys(operations)
  .filter((route) => route.startsWith('POST '))
  .map((route) => route.replace('POST ', '').replace('{agent_id}', 'agent-1').replace('{command_id}', 'one'))

describe('the OpenAPI document describes what the controller answers:', () => {
  const answers: [what: string, path: string, init?: RequestInit][] = [
    ['the welcome', '/'],
    ['health', '/health'],
    ['readiness', '/ready'],
    ['the token', '/token', form({ username: 'victor', password: 'viewer-pass-1' })],
    ['a refused login', '/token', form({ username: 'victor', password: 'wrong' })],
    ['a login without a name', '/token', form({ password: 'wrong' })],
    ['the metrics', '/metrics'],
    ['the list of errors', '/docs/errors'],
    ['the page of an error', '/docs/errors/agent-not-found'],
    ['the page of an error that there is not', '/docs/errors/out-of-luck'],
    ['who I am', '/users/me'],
    ['the agents', '/agents'],
    ['the agents of a selector', '/agents?selector=not%20agent-1&limit=1'],
    ['a selector that is none', '/agents?selector=not'],
    ['an agent', '/agents/agent-1'],
    ['an unknown agent', '/agents/nobody'],
    ['an outcome', '/agents/agent-1/execute', post({ command: 'echo hi', command_id: 'one' })],
    ['an outcome that is no success', '/agents/agent-1/execute', post({ command: 'exit 3', use_ai: true })],
    ['a command taken', '/agents/agent-1/execute', post({ command: 'true' }, { prefer: 'respond-async' })],
    ['a bad request', '/agents/agent-1/execute', post({ command: 7 })],
    ['a refused command', '/agents/agent-1/execute', post({ command: 'rm -rf /', use_ai: true })],
    ['no target', '/agents/agent-1/execute', post({ command: 'true', execution_target: 'ssh' })],
    ['an analysis', '/agents/agent-1/analyze', post({ command: 'rm -rf /' })],
    ['an analysis for no agent', '/agents/analyze', post({ command: 'ls' })],
    ['the history', '/commands?limit=2'],
    ['a part of the history', '/commands?status=success,error&since=2026-01-01T00:00:00Z&exit_code=0'],
    ['a bad query', '/commands?limit=two'],
    ['a command', '/commands/one'],
    ['an unknown command', '/commands/unknown'],
    ['its events seen', '/commands/one/events'],
    ['its output', '/commands/one/output?stream=stdout'],
    ['input for an unknown command', '/commands/unknown/input', post({ data: 'x' })],
    ['input too late', '/commands/one/input', post({ data: 'x', end: true })],
    ['input that is no base64', '/commands/one/input', post({ data: '?', encoding: 'base64' })],
    ['a cancel too late', '/commands/one/cancel', post({})],
    ['an event that there never was', '/commands/one/events', { headers: { 'last-event-id': '999' } }],
    ['a bad key', '/agents/agent-1/execute', post({ command: 'true' }, { 'idempotency-key': 'a b' })],
    ...posts.flatMap((path): [string, string, RequestInit][] => [
      [`broken JSON at ${path}`, path, text('{', 'application/json')],
      [`a body of another kind at ${path}`, path, text('<command/>', 'application/xml')],
      [`a body that is too large at ${path}`, path, text(`"${'x'.repeat(5_000_000)}"`, 'application/json')],
    ]),
    ...[...badPaths()].map(([path, method]): [string, string, RequestInit] => [
      `a path that cannot be read: ${method} ${path.length < 40 ? path : `${path.slice(0, 20)}… of ${path.length}`}`,
      path,
      { method },
    ]),
  ]
  test.each(answers)('%s', async (_what, path, init) => {
    const reply = await system.fetch(path, path === '/token' ? undefined : 'operator', init)
    const operation = operationOf(path, init?.method ?? 'GET')
    const described = operation?.responses[String(reply.status)]
    expect(described, `${reply.status} at ${path.slice(0, 40)}`).toBeDefined()
    const type = (reply.headers.get('content-type') ?? '').split(';')[0] ?? ''
    expect(Object.keys(described?.content ?? {})).toContain(type)
    if (!type.endsWith('json')) return void (await reply.body?.cancel())
    const schema = described?.content?.[type]?.schema ?? {}
    // Read back as zod schemas: what is answered has to be what is promised.
    const promised = z.fromJSONSchema(resolved(schema, document.components.schemas))
    const parsed = promised.safeParse(await reply.json())
    expect(parsed.error?.issues ?? []).toEqual([])
  })

  test('each error code with the status of the closed table', () => {
    for (const [route, { errors }] of Object.entries(operations)) {
      const [method = '', path = ''] = route.split(' ')
      const statuses = Object.keys(document.paths[path]?.[method.toLowerCase()]?.responses ?? {})
      for (const code of errors)
        expect(statuses, `${code} of ${route}`).toContain(String(errorTable[code].status))
    }
  })
})

/** A request for each route that has a place in its path: with an escape that is none, and with a name that is too long. */
function* badPaths(): Generator<[path: string, method: string]> {
  for (const route of Object.keys(operations).filter((one) => one.includes('{'))) {
    const [method = '', path = ''] = route.split(' ')
    for (const name of ['%zz', 'x'.repeat(200), 'x'.repeat(300)])
      yield [path.replace(/\{\w+\}/, name), method]
  }
}

/** A POST of this text. */
function text(body: string, type: string): RequestInit {
  return { method: 'POST', body, headers: { 'content-type': type } }
}

function post(body: object, headers: Record<string, string> = {}): RequestInit {
  return { method: 'POST', body: JSON.stringify(body), headers }
}

function form(fields: Record<string, string>): RequestInit {
  return { method: 'POST', body: new URLSearchParams(fields) }
}

function operationOf(url: string, method: string): Operation | undefined {
  const asked = (url.split('?')[0] ?? '').split('/')
  const fits = (path: string) => {
    const parts = path.split('/')
    return (
      parts.length === asked.length && parts.every((part, at) => part.startsWith('{') || part === asked[at])
    )
  }
  const [path] = Object.keys(document.paths)
    .filter(fits)
    .sort((a, b) => a.split('{').length - b.split('{').length)
  return document.paths[path ?? '']?.[method.toLowerCase()]
}

describe('the page of the API', () => {
  test('is served with all that it loads, from this host, under a policy that allows no other', async () => {
    const page = await fetch(`${system.url}/docs/api`)
    expect(page.status).toBe(200)
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
    const html = await page.text()
    const loaded = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path ?? '')
    expect(loaded.length).toBeGreaterThan(4)
    for (const path of loaded) {
      expect(path).toMatch(/^\/docs\/api\//)
      expect((await fetch(`${system.url}${path}`)).status, path).toBe(200)
    }
    expect(await (await fetch(`${system.url}/docs/api/json`)).json()).toEqual(document)
  })
})
