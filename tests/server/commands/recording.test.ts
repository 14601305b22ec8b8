import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { z } from 'zod'
import { ogent } from '../../support/ogent.js'
import { play } from '../../support/player.js'
import { until } from '../../support/processes.js'
import { type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
  await system.client().execute({
    agent_id: 'agent-1',
    command_id: 'both',
    command: "echo one; sleep 0.3; echo two >&2; printf '\\033[1mbold\\033[0m\\n'",
  })
})
afterAll(() => system[Symbol.asyncDispose]())

/** As https://docs.asciinema.org/manual/asciicast/v2/ has it, and no more than that. */
const headerSchema = z.strictObject({
  version: z.literal(2),
  width: z.int().positive(),
  height: z.int().positive(),
  timestamp: z.int().positive(),
  command: z.string(),
  title: z.string(),
  env: z.record(z.string(), z.string()),
})
const eventSchema = z.tuple([z.number().min(0), z.literal('o'), z.string().min(1)])

function parseCast(text: string) {
  expect(text.endsWith('\n')).toBe(true)
  const [header, ...events] = text
    .slice(0, -1)
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  const parsed = { header: headerSchema.parse(header), events: z.array(eventSchema).parse(events) }
  const times = parsed.events.map(([seconds]) => seconds)
  expect(times).toEqual([...times].sort((a, b) => a - b))
  return { ...parsed, text: parsed.events.map(([, , data]) => data).join('') }
}

async function cast(id: string): Promise<string> {
  const reply = await system.fetch(`/commands/${id}/recording.cast`, 'viewer')
  expect([reply.status, reply.headers.get('content-type')]).toEqual([200, 'application/x-asciicast'])
  return reply.text()
}

/** How long after its first output a command's second came, as the journal has it. */
async function secondsBetween(id: string): Promise<number> {
  const times: number[] = []
  for await (const event of system.client().commands.attach(id)) {
    if (event.type === 'command_progress' && event.state === 'output') times.push(Date.parse(event.timestamp))
  }
  const [first = 0, second = 0] = times
  expect(second - first).toBeGreaterThan(0)
  return (second - first) / 1000
}

describe('a recording', () => {
  test('contains both streams in order, with their times and the line ends of a terminal', async () => {
    const { header, events, text } = parseCast(await cast('both'))
    expect(header).toMatchObject({ command: expect.stringContaining('echo one'), env: { SHELL: '/bin/sh' } })
    expect(Math.abs(header.timestamp - Date.now() / 1000)).toBeLessThan(60)
    expect(text).toBe('one\r\ntwo\r\n\u001b[1mbold\u001b[0m\r\n')
    const [first, second] = events
    expect((second?.[0] ?? 0) - (first?.[0] ?? 0)).toBeCloseTo(await secondsBetween('both'), 3)
  })

  test('is played by the asciinema player', async () => {
    const token = await system.token('viewer')
    const played = await play(`${system.url}/commands/both/recording.cast`, {
      authorization: `Bearer ${token}`,
    })
    expect(played.output).toBe('one\r\ntwo\r\n\u001b[1mbold\u001b[0m\r\n')
    expect(played.duration).toBeGreaterThanOrEqual((await secondsBetween('both')) - 0.01)
  })

  test('of a running command contains what there is so far, and does not wait', async () => {
    const client = system.client()
    await client.commands.start({
      agent_id: 'agent-1',
      command_id: 'runs',
      command: 'echo on; exec sleep 300',
    })
    await until('its output is there', async () => parseCast(await cast('runs')).text === 'on\r\n')
    await client.commands.cancel('runs')
    await client.commands.attach('runs')
    expect(parseCast(await cast('runs')).text).toBe('on\r\n')
  })

  test('cuts no character when the command writes it in parts', async () => {
    const command =
      "printf '\\303'; sleep 0.2; printf '\\244\\360\\237'; echo x >&2; printf '\\230\\200\\377'"
    await system.client().execute({ agent_id: 'agent-1', command_id: 'cut', command })
    const { text } = parseCast(await cast('cut'))
    expect(text.replace('x\r\n', '')).toBe('ä😀\ufffd')
  })

  test('of a command that never ran is only a header', async () => {
    const away = await system.addAgent('away-1')
    await away.stop({ drainMs: 0 })
    const { command_id } = await system.client().commands.start({ agent_id: 'away-1', command: 'echo x' })
    expect(parseCast(await cast(command_id)).events).toEqual([])
  })

  test('of much output is streamed, and its reader may leave early', async () => {
    const client = system.client('viewer')
    const command = 'head -c 30000000 /dev/zero | tr "\\0" x'
    await system.client().execute({ agent_id: 'agent-1', command_id: 'much', command })
    let bytes = 0
    for await (const part of client.commands.recording('much')) {
      bytes += part.length
      if (bytes > 100_000) break
    }
    expect(bytes).toBeLessThan(5_000_000)
    expect(parseCast(await cast('much')).text.length).toBe(30_000_000)
  })

  test('is available to viewers, and for known commands alone', async () => {
    expect((await system.fetch('/commands/both/recording.cast', undefined)).status).toBe(401)
    expect((await system.fetch('/commands/both/recording.cast', 'agent')).status).toBe(403)
    const unknown = await system.fetch('/commands/nothing/recording.cast', 'viewer')
    expect([unknown.status, await unknown.json()]).toMatchObject([404, { code: 'COMMAND_NOT_FOUND' }])
    const failed = system.client('viewer').commands.recording('nothing')[Symbol.asyncIterator]().next()
    await expect(failed).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND' })
  })
})

describe('ogent show --cast', () => {
  test('prints the same recording', async () => {
    expect(await ogent(system, ['show', 'both', '--cast'])).toEqual({
      code: 0,
      stdout: await cast('both'),
      stderr: '',
    })
  })

  test('says where to look when the command is unknown', async () => {
    const { code, stdout, stderr } = await ogent(system, ['show', 'nothing', '--cast'])
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain('ogent history')
  })
})
