import type { AnyProcedure } from '@trpc/server'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Meta } from '../../../src/server/transport/trpc/meta.js'
import { type Access, leastRole } from '../../../src/shared/access/actions.js'
import type { Role } from '../../../src/shared/access/identity.js'
import { procedures as registeredProcedures, registeredRoutes } from '../../support/routes.js'
import { type System, startSystem } from '../../support/system.js'

const roles = ['admin', 'operator', 'viewer', 'agent'] as const

/** Who may use what asks for an access: the contract's table, written out once more by hand. */
const allowed: Record<Role | 'any', readonly string[]> = {
  any: roles,
  viewer: ['admin', 'operator', 'viewer'],
  operator: ['admin', 'operator'],
  admin: ['admin'],
  agent: ['admin', 'agent'],
}

type Needed = Role | 'open' | 'any'

/** The contract's §4. */
const procedures: Record<string, Needed> = {
  'auth.login': 'open',
  'auth.me': 'any',
  'policy.get': 'admin',
  'policy.save': 'admin',
  'policy.check': 'admin',
  'access.explain': 'any',
  'tokens.list': 'any',
  'tokens.create': 'any',
  'tokens.revoke': 'any',
  'users.list': 'admin',
  'users.create': 'admin',
  'users.get': 'admin',
  'users.update': 'admin',
  'users.remove': 'admin',
  'users.password': 'any',
  'users.sessions.list': 'any',
  'users.sessions.endAll': 'any',
  'users.sessions.end': 'any',
  'agents.list': 'viewer',
  'agents.get': 'viewer',
  'agents.events': 'viewer',
  'agents.forget': 'admin',
  'agents.label': 'admin',
  'agents.revoke': 'admin',
  'joinTokens.list': 'admin',
  'joinTokens.create': 'admin',
  'joinTokens.revoke': 'admin',
  execute: 'operator',
  analyze: 'operator',
  'commands.start': 'operator',
  'commands.follow': 'viewer',
  'commands.get': 'viewer',
  'commands.list': 'viewer',
  'commands.cancel': 'operator',
  'commands.input': 'operator',
  'audit.list': 'admin',
  'audit.checkpoints': 'admin',
  'audit.witnesses': 'admin',
  agentLink: 'agent',
  agentReport: 'agent',
}

/** The contract's §3. */
const routes: Record<string, Needed> = {
  'POST /token': 'open',
  'GET /users/me': 'any',
  'GET /policy': 'admin',
  'PUT /policy': 'admin',
  'POST /policy/check': 'admin',
  'POST /access/explain': 'any',
  'GET /tokens': 'any',
  'POST /tokens': 'any',
  'DELETE /tokens/:token_id': 'any',
  'GET /users': 'admin',
  'POST /users': 'admin',
  'GET /users/:username': 'admin',
  'PATCH /users/:username': 'admin',
  'DELETE /users/:username': 'admin',
  'PUT /users/:username/password': 'any',
  'GET /users/:username/sessions': 'any',
  'DELETE /users/:username/sessions': 'any',
  'DELETE /users/:username/sessions/:session_id': 'any',
  'GET /': 'open',
  'GET /health': 'open',
  'GET /ready': 'open',
  'GET /openapi.json': 'open',
  'GET /docs': 'open',
  'GET /llms.txt': 'open',
  'GET /install.sh': 'open',
  'GET /install/ogent-agent.mjs': 'open',
  'GET /install/ogent-agent.mjs.sha256': 'open',
  'GET /docs/api': 'open',
  'GET /docs/errors': 'open',
  'GET /docs/errors/:error': 'open',
  'GET /metrics': 'viewer',
  'GET /agents': 'viewer',
  'GET /agents/:agent_id': 'viewer',
  'DELETE /agents/:agent_id': 'admin',
  'PATCH /agents/:agent_id': 'admin',
  'GET /join-tokens': 'admin',
  'POST /join-tokens': 'admin',
  'DELETE /join-tokens/:token_id': 'admin',
  'POST /agents/join': 'open',
  'POST /agents/token': 'open',
  'POST /agents/:agent_id/execute': 'operator',
  'POST /agents/analyze': 'operator',
  'POST /agents/:agent_id/analyze': 'operator',
  'GET /events': 'viewer',
  'GET /commands': 'viewer',
  'GET /commands/:command_id': 'viewer',
  'GET /commands/:command_id/output': 'viewer',
  'GET /commands/:command_id/recording.cast': 'viewer',
  'GET /commands/:command_id/events': 'viewer',
  'POST /commands/:command_id/cancel': 'operator',
  'POST /commands/:command_id/input': 'operator',
  'GET /audit': 'admin',
  'GET /audit/export': 'admin',
  'GET /audit/checkpoints': 'admin',
  'GET /audit/witnesses': 'admin',
}

/** What every account may ask about its own, and an admin about others: here it is asked about another. */
const ofOthers = [
  'GET /users/:username/sessions',
  'DELETE /users/:username/sessions',
  'DELETE /users/:username/sessions/:session_id',
]

/** The least role of what a procedure or route asks for. */
function needed(access: Access | undefined): Needed | undefined {
  return access === undefined || access === 'open' || access === 'any' ? access : leastRole[access]
}

let system: System
const tokens = new Map<string, string>()
beforeAll(async () => {
  system = await startSystem({ agent: false })
  for (const role of roles) tokens.set(role, await system.token(role))
})
afterAll(() => system[Symbol.asyncDispose]())

test('every procedure of the router names who may call it, as documented', () => {
  const all = registeredProcedures as unknown as Record<string, AnyProcedure>
  const named = Object.entries(all).map(([path, { _def }]) => [
    path,
    needed((_def.meta as Meta | undefined)?.access),
  ])
  expect(Object.fromEntries(named)).toEqual(procedures)
})

test('every route names who may use it, as documented', async () => {
  const found = Object.entries(await registeredRoutes()).map(([route, access]) => [route, needed(access)])
  expect(Object.fromEntries(found)).toEqual(routes)
})

test.each(Object.entries(procedures))('procedure %s is denied to all but %s', async (path, access) => {
  for (const role of [undefined, ...roles]) {
    const code = await callProcedure(path, role)
    if (access === 'open' || (role && allowed[access].includes(role))) {
      expect(['UNAUTHORIZED', 'FORBIDDEN'], `${role} at ${path}`).not.toContain(code)
    } else {
      expect(code, `${role} at ${path}`).toBe(role ? 'FORBIDDEN' : 'UNAUTHORIZED')
    }
  }
})

test.each(Object.entries(routes))('route %s is denied to all but %s', async (route, named) => {
  const access = ofOthers.includes(route) ? 'admin' : named
  const [method, pattern = ''] = route.split(' ')
  for (const role of [undefined, ...roles]) {
    const headers = new Headers(role ? { authorization: `Bearer ${tokens.get(role)}` } : {})
    const path = pattern.replace(/:\w+/, 'nobody')
    const { status } = await fetch(`${system.url}${path}`, { method: method ?? 'GET', headers })
    if (access === 'open' || (role && allowed[access].includes(role))) {
      expect([401, 403], `${role} at ${route}`).not.toContain(status)
    } else {
      expect(status, `${role} at ${route}`).toBe(role ? 403 : 401)
    }
  }
})

/** The code of the error that a call with no input meets; subscriptions and queries alike, by HTTP. */
async function callProcedure(path: string, role: string | undefined): Promise<string | undefined> {
  const headers = new Headers(role ? { authorization: `Bearer ${tokens.get(role)}` } : {})
  const { type } = (registeredProcedures as unknown as Record<string, AnyProcedure>)[path]?._def ?? {}
  const init: RequestInit = { headers, signal: AbortSignal.timeout(60_000) }
  if (type === 'mutation') {
    headers.set('content-type', 'application/json')
    Object.assign(init, { method: 'POST', body: '{"json":{}}' })
  }
  const reply = await fetch(`${system.url}/trpc/${path}`, init)
  if (reply.headers.get('content-type')?.startsWith('text/event-stream')) {
    const reader = reply.body?.getReader()
    const { value } = (await reader?.read()) ?? {}
    await reader?.cancel()
    return codeIn(Buffer.from(value ?? []).toString())
  }
  return codeIn(await reply.text())
}

function codeIn(text: string): string | undefined {
  return text.match(/"ogent":\{"code":"(\w+)"/)?.[1]
}
