import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAgent } from '../../../src/agent/app.js'
import type { AgentSettings } from '../../../src/agent/config.js'
import { until } from '../../support/processes.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

/** An agent of the controller, and the lines that it logs. */
async function loggedAgent(settings: Partial<AgentSettings>) {
  const lines: { level: string; message: string; fields: object }[] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push({ level, message, fields })
  const log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
  const agent = await createAgent({
    settings: {
      CONTROLLER_URL: system.url,
      AGENT_USERNAME: accounts.agent.username,
      AGENT_PASSWORD: accounts.agent.password,
      AGENT_STATE_DIR: join(system.folder, 'logged'),
      RECONNECT_DELAY: 0.02,
      ...settings,
    },
    log,
  })
  const refusal = () => lines.find(({ message }) => message.startsWith('not connected'))?.fields
  return { agent, lines, refusal, [Symbol.asyncDispose]: () => agent.stop({ drainMs: 0 }) }
}

const refusals: [why: string, settings: Partial<AgentSettings>, code: string, sentence: RegExp][] = [
  ['an id that another agent has', { AGENT_ID: 'agent-1' }, 'AGENT_ID_TAKEN', /agent-1/],
  [
    'an account that may hold no link',
    { AGENT_USERNAME: accounts.viewer.username, AGENT_PASSWORD: accounts.viewer.password },
    'FORBIDDEN',
    /role/,
  ],
  ['a wrong password', { AGENT_USERNAME: 'nobody' }, 'UNAUTHORIZED', /refused the credentials of nobody/],
  ['no controller', { CONTROLLER_URL: 'http://127.0.0.1:9' }, 'CONNECTION_LOST', /ECONNREFUSED/],
]
test.each(refusals)(
  'the log says with its code why an agent is not connected: %s',
  async (_, settings, code, says) => {
    await using logged = await loggedAgent(settings)
    await until('the agent has said why', () => logged.refusal() !== undefined)
    expect(logged.refusal()).toMatchObject({ code, cause: expect.stringMatching(says) })
  },
)

test('an agent that made too many requests comes again when its controller says, and not sooner', async () => {
  await using busy = await startSystem({ agent: false, controller: { MAX_REQUESTS_PER_MINUTE: 1 } })
  const request = () => fetch(`${busy.url}/token`, { method: 'POST' })
  await request()
  await using logged = await loggedAgent({
    CONTROLLER_URL: busy.url,
    AGENT_STATE_DIR: join(system.folder, 'busy'),
  })
  await until('the agent has said why', () => logged.refusal() !== undefined)
  const { retry_after_seconds } = (await (await request()).json()) as { retry_after_seconds: number }
  expect(retry_after_seconds).toBeGreaterThan(1)
  const { code, delay_ms } = logged.refusal() as { code: string; delay_ms: number }
  expect(code).toBe('RATE_LIMITED')
  // What was said to the agent is no less than what is said later; a second is rounded.
  expect(delay_ms).toBeGreaterThanOrEqual((retry_after_seconds - 1) * 1000)
})

test('the log of an agent, up to its last line, shows no password of the address of the controller', async () => {
  const withPassword = (url: string) => url.replace('//', '//proxy:hush%40@')
  await using logged = await loggedAgent({ CONTROLLER_URL: withPassword(system.url), AGENT_ID: 'masked' })
  await logged.agent.registered
  expect(logged.lines).toContainEqual({
    level: 'info',
    message: 'registered with the controller',
    fields: expect.objectContaining({ url: `${system.url.replace('//', '//***@')}/` }),
  })
  const away = withPassword('http://127.0.0.1:9')
  await using lost = await loggedAgent({
    CONTROLLER_URL: away,
    MAX_RECONNECT_ATTEMPTS: 1,
    AGENT_STATE_DIR: join(system.folder, 'lost'),
  })
  const said = await lost.agent.done.catch(String)
  expect(said).toContain(
    'Gave up http://***@127.0.0.1:9/ after 1 attempts: No answer from http://***@127.0.0.1:9/',
  )
  expect(lost.refusal()).toBeDefined()
  expect(JSON.stringify([logged.lines, lost.lines, said])).not.toMatch(/hush/)
})
