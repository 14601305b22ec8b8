import { afterAll, beforeAll, expect, test } from 'vitest'
import { until } from '../../support/processes.js'
import { readRepository } from '../../support/samples.js'
import { type System, startSystem } from '../../support/system.js'

const TOKEN = 'a-token-for-the-scraper-of-32-characters'

let system: System
beforeAll(async () => {
  system = await startSystem({ controller: { METRICS_TOKEN: TOKEN } })
})
afterAll(() => system[Symbol.asyncDispose]())

async function scrape(token = TOKEN): Promise<Response> {
  return fetch(`${system.url}/metrics`, { headers: { authorization: `Bearer ${token}` } })
}

/** Every sample by its name with labels. */
async function samples(): Promise<Map<string, number>> {
  const text = await (await scrape()).text()
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]))
}

test('the metrics need the token of the metrics or the role viewer', async () => {
  expect((await fetch(`${system.url}/metrics`)).status).toBe(401)
  expect((await scrape('another')).status).toBe(401)
  expect((await scrape(`${TOKEN}x`)).status).toBe(401)
  expect((await system.fetch('/metrics', 'agent')).status).toBe(403)
  expect((await system.fetch('/metrics', 'viewer')).status).toBe(200)
  const reply = await scrape()
  expect(reply.status).toBe(200)
  expect(reply.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8')
  // It opens the metrics, and nothing else.
  const headers = { authorization: `Bearer ${TOKEN}` }
  expect((await fetch(`${system.url}/agents`, { headers })).status).toBe(401)
})

test('the metrics count commands by status and duration, bytes by stream, and refused logins', async () => {
  const before = await samples()
  const grown = async (name: string) => ((await samples()).get(name) ?? 0) - (before.get(name) ?? 0)
  const ogent = system.client()
  await ogent.execute({ agent_id: 'agent-1', command: 'echo 12345; echo 123 >&2' })
  await ogent.execute({ agent_id: 'agent-1', command: 'exit 3' })
  await ogent.execute({ agent_id: 'agent-1', command: 'sleep 30', timeout_seconds: 0.1 })
  const refused = ogent.execute({ agent_id: 'agent-1', command: 'rm -rf /', use_ai: true })
  await expect(refused).rejects.toMatchObject({ code: 'COMMAND_REFUSED' })
  expect(await grown('ogent_commands_total{status="success"}')).toBe(1)
  expect(await grown('ogent_commands_total{status="error"}')).toBe(1)
  expect(await grown('ogent_commands_total{status="timeout"}')).toBe(1)
  expect(await grown('ogent_commands_total{status="refused"}')).toBe(1)
  expect(await grown('ogent_output_bytes_total{stream="stdout"}')).toBe(6)
  expect(await grown('ogent_output_bytes_total{stream="stderr"}')).toBe(4)
  expect(await grown('ogent_command_first_byte_seconds_count')).toBe(1)
  expect(await grown('ogent_command_duration_seconds_count')).toBe(3)
  expect(await grown('ogent_command_duration_seconds_sum')).toBeGreaterThan(0.1)
  expect(await grown('ogent_command_duration_seconds_bucket{le="0.1"}')).toBeLessThanOrEqual(2)
  expect(await grown('ogent_command_duration_seconds_bucket{le="+Inf"}')).toBe(3)
  await fetch(`${system.url}/token`, {
    method: 'POST',
    body: new URLSearchParams({ username: 'admin', password: 'wrong' }),
  })
  expect(await grown('ogent_login_failures_total')).toBe(1)
})

test('the metrics show agents, open commands, their subscribers and how far behind those are', async () => {
  expect((await samples()).get('ogent_agents_connected')).toBe(1)
  const ogent = system.client()
  const run = ogent.execute({
    agent_id: 'agent-1',
    command: 'for i in 1 2 3 4 5; do echo $i; done; sleep 30',
  })
  for await (const chunk of run.stdout) if (chunk.includes('5')) break
  await until('the reader of the command is seen', async () => {
    const now = await samples()
    return now.get('ogent_followers') === 1 && now.get('ogent_commands_sent') === 1
  })
  expect((await samples()).get('ogent_follower_lag_events')).toBe(0)
  await until(
    'the agent has told of it',
    async () => (await samples()).get('ogent_agents_running_commands') === 1,
  )
  await run.cancel()
  await run
  expect((await samples()).get('ogent_followers')).toBe(0)
  expect((await samples()).get('ogent_commands_sent')).toBe(0)
})

test('the metrics show a subscriber that has stopped reading as behind', async () => {
  const reply = system.fetch('/agents/agent-1/execute', 'operator', {
    method: 'POST',
    headers: { prefer: 'respond-async' },
    body: JSON.stringify({ command: 'head -c 40000000 /dev/zero; sleep 30', command_id: 'much' }),
  })
  expect((await reply).status).toBe(202)
  const stuck = await system.fetch('/commands/much/output', 'viewer')
  await until('it is behind', async () => ((await samples()).get('ogent_follower_lag_events') ?? 0) > 50)
  await stuck.body?.cancel()
  await system.client().commands.cancel('much')
  await until('nobody is behind', async () => (await samples()).get('ogent_follower_lag_events') === 0)
})

test('the metrics have names, types and units by the conventions of Prometheus', async () => {
  const text = await (await scrape()).text()
  const types = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name = '', type = '']) => ({
    name,
    type,
  }))
  const helps = new Set([...text.matchAll(/^# HELP (\S+) \S/gm)].map(([, name]) => name))
  const ours = types.filter(({ name }) => name.startsWith('ogent_'))
  expect(ours.length).toBeGreaterThan(15)
  expect(types.filter(({ name }) => !helps.has(name))).toEqual([])
  for (const { name, type } of ours) {
    expect(name).toMatch(/^[a-z][a-z0-9]*(_[a-z0-9]+)+$/)
    expect(name.endsWith('_total'), name).toBe(type === 'counter')
    // Base units alone: seconds and bytes.
    expect(name).not.toMatch(/_(ms|milliseconds|minutes|kb|mb|count|sum|bucket)(_|$)/)
    if (type === 'histogram') expect(name).toMatch(/_seconds$/)
  }
  for (const name of ['nodejs_eventloop_lag_p99_seconds', 'process_resident_memory_bytes']) {
    expect(types.map((one) => one.name)).toContain(name)
  }
})

test('the metrics say how much room the disk of the data has', async () => {
  const now = await samples()
  const [free = 0, size = 0] = ['free', 'size'].map((what) => now.get(`ogent_data_${what}_bytes`))
  expect(free).toBeGreaterThan(0)
  expect(size).toBeGreaterThanOrEqual(free)
})

test('docs/monitoring.md names every metric of ours, and no other', async () => {
  const text = await (await scrape()).text()
  const given = [...text.matchAll(/^# TYPE (ogent_\S+)/gm)].map(([, name]) => name)
  const named = [...readRepository('docs/monitoring.md').matchAll(/^\| `(ogent_\w+)`/gm)].map(
    ([, name]) => name,
  )
  expect(named.sort()).toEqual(given.sort())
})
