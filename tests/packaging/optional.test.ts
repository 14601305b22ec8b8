import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { BackgroundProgram } from '../support/background.js'
import { type Consumer, packedConsumer } from '../support/consumer.js'

let consumer: Consumer
beforeAll(() => {
  consumer = packedConsumer()
  for (const name of ['langchain', '@langchain', '@opentelemetry/exporter-trace-otlp-http']) {
    rmSync(join(consumer.path, 'node_modules', name), { recursive: true })
  }
})
afterAll(() => consumer?.[Symbol.dispose]())

test('a controller without the optional packages runs, and says what to install for the settings that need them', async () => {
  const env = {
    PORT: '0',
    HOME: consumer.path,
    ADMIN_PASSWORD: 'a-password-of-its-own',
    OPENAI_API_KEY: 'a-key-of-its-own',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
  }
  const program = join(consumer.path, 'node_modules/.bin/ogent')
  await using controller = new BackgroundProgram(program, ['controller'], { cwd: consumer.path, env })
  await controller.line(
    /npm install langchain@\S+ @langchain\/core@\S+ @langchain\/openai@\S+".*LangChain is not/,
  )
  await controller.line(
    /npm install @opentelemetry\/api@\S+ .*"traces are not exported: OpenTelemetry is not/,
  )
  const url = await controller.line(/^Ogent controller on (\S+)$/)
  const login = await fetch(`${url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'admin', password: env.ADMIN_PASSWORD }),
  })
  const { access_token } = (await login.json()) as { access_token: string }
  const reply = await fetch(`${url}/agents/analyze`, {
    method: 'POST',
    headers: { authorization: `Bearer ${access_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ command: 'rm -rf /' }),
  })
  expect(await reply.json()).toMatchObject({
    source: 'rules',
    validation: { risk_level: 'high' },
    warnings: [expect.stringContaining('LangChain is not installed')],
  })
})
