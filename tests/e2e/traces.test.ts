import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { expect, test } from 'vitest'
import { createOgentClient } from '../../src/client/client.js'
import { temporaryFolder } from '../support/folder.js'
import { until } from '../support/processes.js'
import { Role } from '../support/roles.js'
import { startSystem } from '../support/system.js'

type Attribute = { key: string; value: { stringValue?: string; intValue?: number | string } }
type Span = {
  service: string
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  status: { code?: number; message?: string }
  attributes: Attribute[]
}
type Batch = {
  resourceSpans: {
    resource: { attributes: Attribute[] }
    scopeSpans: { spans: Omit<Span, 'service'>[] }[]
  }[]
}

/** An OTLP/HTTP receiver that takes JSON, as a collector does at port 4318. */
async function receiver() {
  const spans: Span[] = []
  const paths = new Set<string>()
  const server = createServer(async (request, reply) => {
    paths.add(`${request.method} ${request.url} ${request.headers['content-type']}`)
    const { resourceSpans } = (await json(request)) as Batch
    for (const { resource, scopeSpans } of resourceSpans) {
      const service = textOf(resource.attributes, 'service.name') ?? ''
      for (const scope of scopeSpans) for (const span of scope.spans) spans.push({ ...span, service })
    }
    reply.setHeader('content-type', 'application/json').end('{}')
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    paths,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function textOf(attributes: Attribute[], key: string): string | undefined {
  return attributes.find((one) => one.key === key)?.value.stringValue
}

test('a command is one trace, from the request through the agent to the exit', async () => {
  await using collector = await receiver()
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  await using system = await startSystem({ controller: otlp, agent: otlp })
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const reply = await system.fetch('/agents/agent-1/execute', 'operator', {
    method: 'POST',
    headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
    body: JSON.stringify({ command: 'echo secret-output; exit 3', command_id: 'traced' }),
  })
  expect(reply.status).toBe(200)
  const ours = () => collector.spans.filter((span) => span.traceId === traceId)
  await until('all spans have come', () => ours().length === 3)
  const [execute, run, child] = ['ogent execute', 'ogent run', 'ogent process'].map((name) =>
    ours().find((span) => span.name === name),
  )
  expect(execute).toMatchObject({ service: 'ogent-controller', parentSpanId: 'b7ad6b7169203331', kind: 2 })
  expect(run).toMatchObject({ service: 'ogent-agent', parentSpanId: execute?.spanId })
  expect(child).toMatchObject({ service: 'ogent-agent', parentSpanId: run?.spanId })
  for (const span of ours()) {
    expect(textOf(span.attributes, 'ogent.command_id')).toBe('traced')
    expect(textOf(span.attributes, 'ogent.status')).toBe('error')
    expect(span.status.code).toBe(2)
    expect(BigInt(span.endTimeUnixNano)).toBeGreaterThanOrEqual(BigInt(span.startTimeUnixNano))
  }
  const code = child?.attributes.find(({ key }) => key === 'process.exit.code')?.value.intValue
  expect(Number(code)).toBe(3)
  expect([...collector.paths]).toEqual(['POST /v1/traces application/json'])
  expect(JSON.stringify(collector.spans)).not.toMatch(/secret-output|echo|operator-pass/)
})

test('a request without a valid trace context starts its own trace', async () => {
  await using collector = await receiver()
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/` }
  await using system = await startSystem({ controller: otlp })
  await system.fetch('/agents/agent-1/execute', 'operator', {
    method: 'POST',
    headers: { traceparent: 'nonsense' },
    body: JSON.stringify({ command: 'true' }),
  })
  await system.client().execute({ agent_id: 'agent-1', command: 'true' })
  await until('both spans have come', () => collector.spans.length === 2)
  expect(new Set(collector.spans.map(({ traceId }) => traceId)).size).toBe(2)
  expect(collector.spans.map(({ parentSpanId }) => parentSpanId || undefined)).toEqual([undefined, undefined])
})

test('a request that is refused late ends its span as failed; one that follows a command has no span', async () => {
  await using collector = await receiver()
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  await using system = await startSystem({ controller: otlp })
  const ask = async (command: string, traceId: string) => {
    const reply = await system.fetch('/agents/agent-1/execute', 'operator', {
      method: 'POST',
      headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` },
      body: JSON.stringify({ command, command_id: 'once' }),
    })
    return reply.status
  }
  const [first, again, other] = ['1', '2', '3'].map((digit) => digit.repeat(32)) as [string, string, string]
  expect(await ask('true', first)).toBe(200)
  expect(await ask('true', again)).toBe(200)
  expect(await ask('false', other)).toBe(409)
  await until('the refused one has ended', () => collector.spans.some(({ traceId }) => traceId === other))
  const ours = collector.spans.filter(({ name }) => name === 'ogent execute')
  expect(ours.map(({ traceId }) => traceId)).toEqual([first, other])
  expect(ours[1]?.status).toMatchObject({ code: 2, message: 'COMMAND_ID_TAKEN' })
})

test.each(['away', 'silent'])('a receiver that is %s delays the stop of neither process', async (how) => {
  const quiet = createServer(() => {}).listen(0, '127.0.0.1')
  await once(quiet, 'listening')
  const port = how === 'away' ? 9 : (quiet.address() as AddressInfo).port
  const otlp = {
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
    OTEL_EXPORTER_OTLP_TIMEOUT: '600000',
  }
  using folder = temporaryFolder()
  const account = { username: 'admin', password: 'a-password-of-some-length' }
  await using controller = Role.controller({
    ...otlp,
    PORT: '0',
    DATA_DIR: join(folder.path, 'controller'),
    ADMIN_PASSWORD: account.password,
  })
  const [, url = ''] = await controller.says(/^Ogent controller on (\S+)/)
  await using agent = Role.agent({
    ...otlp,
    CONTROLLER_URL: url,
    AGENT_USERNAME: account.username,
    AGENT_PASSWORD: account.password,
    AGENT_ID: 'traced',
    AGENT_STATE_DIR: join(folder.path, 'agent'),
  })
  await controller.says(/agent connected/)
  const ogent = createOgentClient({ url, ...account })
  expect(await ogent.execute({ agent_id: 'traced', command: 'true' })).toMatchObject({ status: 'success' })
  // One export is under way by the time of the stop, or waits for its next try; the span of another command is held.
  await new Promise((resolve) => setTimeout(resolve, 1500))
  await ogent.execute({ agent_id: 'traced', command: 'true' })
  await ogent.close()
  for (const role of [agent, controller]) {
    // An export without an answer has a time limit of its own, ten minutes here, which a stop does not wait for.
    const began = performance.now()
    expect(await role.stop()).toBe(0)
    expect(performance.now() - began).toBeLessThan(110_000)
  }
  quiet.closeAllConnections()
  quiet.close()
})

test('a receiver that is away delays no command', async () => {
  const otlp = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' }
  await using system = await startSystem({ controller: otlp, agent: otlp })
  const outcome = await system.client().execute({ agent_id: 'agent-1', command: 'echo on' })
  expect(outcome).toMatchObject({ status: 'success', stdout: 'on\n' })
})

test("the controller loads nothing of OpenTelemetry's SDK without an endpoint", async () => {
  using folder = temporaryFolder()
  const loaded = async (endpoint: string) => {
    await using script = Role.script(`
      import { createRequire } from 'node:module'
      const { createController } = await import(dist + 'server/app.js')
      const settings = { PORT: 0, DATA_DIR: ${JSON.stringify(folder.path)}, LOG_LEVEL: 'silent', ${endpoint} }
      const controller = await createController({ settings })
      const files = Object.keys(createRequire(import.meta.url).cache)
      await controller.close()
      console.log('sdk', files.some((file) => file.includes('@opentelemetry/sdk-trace')))
    `)
    return (await script.says(/^sdk (\w+)/))[1]
  }
  expect(await loaded('')).toBe('false')
  expect(await loaded("OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9'")).toBe('true')
})
