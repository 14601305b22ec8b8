import { createTRPCClient, httpBatchLink } from '@trpc/client'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AppRouter } from '../../../src/server/app-router.js'
import { analysisSchema } from '../../../src/shared/analysis/analysis.js'
import { transformer } from '../../../src/shared/wire/transformer.js'
import { says, startModel } from '../../support/model.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const post = (path: string, body: unknown) =>
  system.fetch(path, 'operator', { method: 'POST', body: JSON.stringify(body) })

test('the REST API answers with the documented shape, and nests the same three parts', async () => {
  const body = { command: 'rm -rf /', system: 'Linux', context: 'Server administration' }
  const reply = await post('/agents/agent-1/analyze', body)
  expect(reply.status).toBe(200)
  const analysis = analysisSchema.strict().parse(await reply.json())
  expect(analysis).toMatchObject({
    command: 'rm -rf /',
    processed_command: 'rm -rf /',
    agent_id: 'agent-1',
    source: 'rules',
    validation: { safe: false, risk_level: 'high' },
  })
  const { validation, optimization, enrichment } = analysis
  expect(analysis.ai_processing).toEqual({ validation, optimization, enrichment })
  expect(validation.risks[0]).toContain('rm -rf /')
  expect(enrichment.purpose).toContain('Server administration')
})

test('an analysis without an agent names none, and `analyze` is not an agent id', async () => {
  for (const path of ['/agents/analyze', '/agents/analyze/']) {
    const reply = await post(path, { command: 'ls' })
    expect(reply.status).toBe(200)
    const analysis = analysisSchema.parse(await reply.json())
    expect(analysis.validation).toMatchObject({ safe: true, risk_level: 'low' })
    expect(analysis).not.toHaveProperty('agent_id')
  }
  expect((await post('/agents/analyze/analyze', { command: 'ls' })).status).toBe(404)
})

test('an analysis gets 404 for an unknown agent and 422 for an invalid body', async () => {
  const unknown = await post('/agents/nobody/analyze', { command: 'ls' })
  expect(unknown.status).toBe(404)
  expect(await unknown.json()).toMatchObject({
    code: 'AGENT_NOT_FOUND',
    detail: 'Agent with ID nobody not found',
  })
  for (const body of [{}, { command: '' }, { command: 7 }, { command: 'ls', context: 1 }]) {
    expect((await post('/agents/analyze', body)).status).toBe(422)
  }
})

test('the SDK and plain tRPC return the same analysis', async () => {
  const request = { command: 'cat f | grep x | wc -l', agent_id: 'agent-1', system: 'Linux' }
  const bySdk = await system.client().analyze(request)
  const trpc = createTRPCClient<AppRouter>({
    links: [
      httpBatchLink({
        url: `${system.url}/trpc`,
        transformer,
        headers: { authorization: `Bearer ${await system.token('operator')}` },
      }),
    ],
  })
  const byTrpc = await trpc.analyze.mutate(request)
  expect({ ...byTrpc, timestamp: '' }).toEqual({ ...bySdk, timestamp: '' })
  expect(bySdk.optimization.optimized_command).toContain('grep -c')
  expect(bySdk.processed_command).toBe(request.command)
  await expect(system.client().analyze({ command: 'ls', agent_id: 'nobody' })).rejects.toMatchObject({
    code: 'AGENT_NOT_FOUND',
  })
  await expect(system.client('viewer').analyze({ command: 'ls' })).rejects.toMatchObject({
    code: 'FORBIDDEN',
  })
})

test("a model is asked once for the same command, and gets the facts of the agent's machine", async () => {
  await using model = await startModel(says({}))
  await using withModel = await startSystem({
    controller: { OPENAI_API_KEY: 'k-1', OPENAI_BASE_URL: model.url, OPENAI_MODEL: 'local-7b' },
  })
  const ogent = withModel.client()
  const first = await ogent.analyze({ command: 'ls', agent_id: 'agent-1' })
  expect(first.source).toBe('ai+rules')
  expect((await ogent.analyze({ command: 'ls', agent_id: 'agent-1' })).source).toBe('ai+rules')
  expect(model.asked.map((asked) => asked.model)).toEqual(['local-7b', 'local-7b', 'local-7b'])
  expect(model.asked[0]?.text).toContain('Linux')
})
