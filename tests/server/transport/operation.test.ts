import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { registerBodies } from '../../../src/server/transport/http/body.js'
import { type DocumentedRoute, registerRoute } from '../../../src/server/transport/http/route.js'
import { openApiDocument } from '../../../src/server/transport/openapi/document.js'
import {
  derived,
  json,
  mutation,
  proceduresOf,
  query,
  route,
  routesOfAll,
} from '../../../src/server/transport/operation.js'
import { router } from '../../../src/server/transport/trpc/trpc.js'
import type { Access } from '../../../src/shared/access/actions.js'
import { actor } from '../../support/actors.js'

/** Operations that no capability has, with what they were called with. */
function made() {
  const calls: unknown[] = []
  const facts = {
    tag: 'agents',
    summary: 'Name a thing',
    replies: { 200: { description: 'It.', content: json('Agent') } },
    errors: [],
  } as const
  const params = z.object({ thing_id: z.string() })
  return {
    calls,
    group: {
      show: query({
        access: 'agents.view',
        input: z.object({ thing_id: z.string(), limit: z.coerce.number().optional() }),
        run: ({ input, caller, address }) => {
          calls.push({ input, caller: caller().name, address: address !== '' })
          return { of: input.thing_id }
        },
        http: derived({
          ...facts,
          method: 'GET',
          path: '/things/{thing_id}',
          id: 'showThing',
          params,
          query: z.object({ limit: z.coerce.number().optional() }),
        }),
        routes: [
          route({
            ...facts,
            method: 'GET',
            path: '/things/{thing_id}/name',
            id: 'nameThing',
            params,
            handle: ({ params: { thing_id }, reply }) => reply.type('text/plain').send(thing_id),
          }),
        ],
      }),
      forget: mutation({
        access: 'agents.manage',
        input: z.object({ thing_id: z.string() }),
        run: ({ input }) => void calls.push(input),
        http: derived({
          ...facts,
          method: 'DELETE',
          path: '/things/{thing_id}',
          id: 'forgetThing',
          params,
          replies: { 204: { description: 'Gone.' } },
        }),
      }),
    },
  }
}

async function served({ group }: ReturnType<typeof made>) {
  const app = Fastify()
  app.decorateRequest('caller', undefined)
  app.addHook('onRequest', async (request) => {
    request.caller = { ...actor('victor', 'viewer'), expires_at: Date.now() + 60_000 }
  })
  registerBodies(app)
  for (const each of routesOfAll(group))
    registerRoute(app, each, { answers: {} as never, quotas: {} as never, know: () => {} })
  await app.ready()
  return app
}

test('an operation gets what a request of its route says, and its output is the REST reply', async () => {
  const { calls, ...rest } = made()
  const app = await served({ calls, ...rest })
  expect((await app.inject('/things/one?limit=7&other=1')).statusCode).toBe(422)
  const shown = await app.inject('/things/one?limit=7')
  expect([shown.statusCode, shown.json()]).toEqual([200, { of: 'one' }])
  expect(calls).toEqual([{ input: { thing_id: 'one', limit: 7 }, caller: 'victor', address: true }])
  expect((await app.inject('/things/two/name')).body).toBe('two')
  const forgotten = await app.inject({ method: 'DELETE', url: '/things/three' })
  expect([forgotten.statusCode, forgotten.body, calls.at(-1)]).toEqual([204, '', { thing_id: 'three' }])
  await app.close()
})

test('an operation does not get a request that does not match the schemas of its route', async () => {
  const { calls, ...rest } = made()
  const app = await served({ calls, ...rest })
  app.setErrorHandler((error, _request, reply) => reply.status(422).send(String(error)))
  expect((await app.inject('/things/one?limit=many')).body).toContain('query.limit')
  expect(calls).toEqual([])
  await app.close()
})

test('an operation has the same access in its procedure, in all of its routes and in the document', () => {
  const { group } = made()
  const procedures = router(proceduresOf(group))._def.procedures
  const access = ({ _def }: { _def: { meta?: unknown } }) => (_def.meta as { access: Access }).access
  expect(access(procedures.show)).toBe('agents.view')
  expect(access(procedures.forget)).toBe('agents.manage')
  const routes: DocumentedRoute[] = routesOfAll(group)
  expect(routes.map(({ id, access }) => [id, access])).toEqual([
    ['showThing', 'agents.view'],
    ['nameThing', 'agents.view'],
    ['forgetThing', 'agents.manage'],
  ])
  const { paths } = openApiDocument('1.2.3', routes) as { paths: Record<string, Record<string, object>> }
  expect(paths['/things/{thing_id}']?.get).toMatchObject({
    operationId: 'showThing',
    parameters: [
      { name: 'thing_id', in: 'path' },
      { name: 'limit', in: 'query' },
    ],
  })
  expect(paths['/things/{thing_id}']?.delete).toMatchObject({
    description: expect.stringContaining('`admin`'),
    responses: { 204: { description: 'Gone.' } },
  })
})
