import { afterAll, beforeAll, expect, test } from 'vitest'
import { errorPagePath } from '../../../src/server/transport/error-pages/pages.js'
import { type ErrorCode, errorTable } from '../../../src/shared/errors.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem({ agent: false })
})
afterAll(() => system[Symbol.asyncDispose]())

const codes = Object.keys(errorTable) as ErrorCode[]

async function pageAt(path: string): Promise<string> {
  const reply = await fetch(`${system.url}${path}`)
  expect(reply.status, path).toBe(200)
  expect(reply.headers.get('content-type')).toBe('text/html; charset=utf-8')
  const policy = reply.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'/)
  expect(policy).not.toContain('unsafe')
  return reply.text()
}

/** What a page names: each address leads to a page of this controller. */
async function expectOwnLinks(html: string): Promise<void> {
  expect(html).not.toMatch(/<script|<img|<link|<iframe|\son\w+=|javascript:|https?:/i)
  for (const [, path = ''] of html.matchAll(/(?:src|href)="([^"]*)"/g)) {
    expect(path).toMatch(/^\/docs\//)
    expect((await fetch(`${system.url}${path}`)).status, path).toBe(200)
  }
}

test.each(codes)(
  'the page of %s says what happened, when, whether a retry helps and what to do',
  async (code) => {
    const html = await pageAt(errorPagePath(code))
    expect(html).toContain(`<code>${code}</code> · HTTP status ${errorTable[code].status}`)
    const parts = html.split('<h2>').slice(1)
    expect(parts.map((part) => part.split('<')[0])).toEqual([
      'What happened',
      'When this is answered',
      'Does a retry help?',
      'What to do next',
    ])
    const [happened = '', when = '', retry = '', next = ''] = parts
    expect(happened).toMatch(/<p>.{20,}<\/p>/)
    expect(when).toMatch(/<ul>\n(<li>.{20,}<\/li>\n)+<\/ul>/)
    expect(retry).toContain(
      errorTable[code].retryable ? '<strong>Yes, later.</strong>' : '<strong>No.</strong>',
    )
    expect(next).toMatch(/<ol>\n(<li>.{20,}<\/li>\n)+<\/ol>/)
    expect(html).not.toContain('`')
    await expectOwnLinks(html)
  },
)

test('the list has every code, each with a link to its page', async () => {
  const html = await pageAt('/docs/errors')
  for (const code of codes)
    expect(html).toContain(`<a href="${errorPagePath(code)}"><code>${code}</code></a>`)
  expect(html.match(/<tr><td>/g)).toHaveLength(codes.length)
  await expectOwnLinks(html)
})

test.each([
  ['no token', '/agents', undefined, 'UNAUTHORIZED'],
  ['an unknown agent', '/agents/other', 'viewer', 'AGENT_NOT_FOUND'],
  ['an unknown path', '/nowhere', 'viewer', 'NOT_FOUND'],
  ['a wrong parameter', '/commands?limit=two', 'viewer', 'VALIDATION_FAILED'],
] as const)('the type of a problem resolves to its page for %s', async (_what, path, role, code) => {
  const reply = await system.fetch(path, role)
  const problem = (await reply.json()) as { type: string; code: string }
  expect(problem).toMatchObject({ code, type: `/docs/errors/${code.toLowerCase().replaceAll('_', '-')}` })
  const { pathname } = new URL(problem.type, reply.url)
  expect(await pageAt(pathname)).toContain(`<code>${code}</code>`)
})

test('an unknown error is a 404 that names the list', async () => {
  for (const name of ['out-of-luck', 'AGENT_NOT_FOUND', '__proto__']) {
    const reply = await fetch(`${system.url}/docs/errors/${name}`)
    expect(reply.status).toBe(404)
    expect(await reply.json()).toMatchObject({
      code: 'NOT_FOUND',
      detail: 'There is no error of this name: /docs/errors lists all of them.',
    })
  }
})

test('the welcome names a page that leads to the API', async () => {
  const { documentation } = (await (await fetch(system.url)).json()) as { documentation: string }
  const moved = await fetch(`${system.url}${documentation}`, { redirect: 'manual' })
  expect(moved.status).toBe(302)
  expect(moved.headers.get('location')).toBe('/docs/api')
  expect((await fetch(`${system.url}${documentation}/`)).url).toBe(`${system.url}/docs/api`)
})
