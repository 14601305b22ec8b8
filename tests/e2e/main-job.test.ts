import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SECRET_KEY } from '../support/controllers.js'
import { RedisProcess } from '../support/redis.js'
import { needs } from '../support/services.js'
import { startSystem as startAnySystem } from '../support/system.js'

describe('the main job', () => mainJob(() => ({})))

describe.skipIf(needs('redis-server'))('the main job, on Redis', () => {
  let redis: RedisProcess
  beforeAll(async () => {
    redis = await RedisProcess.start()
  })
  afterAll(() => redis[Symbol.asyncDispose]())
  mainJob(() => ({ REDIS_URL: redis.url, SECRET_KEY }))
})

function mainJob(store: () => { REDIS_URL?: string; SECRET_KEY?: string }): void {
  const startSystem = async () => startAnySystem({ controller: store() })

  test('streams a command live, both streams apart, and ends with its own exit code', async () => {
    await using system = await startSystem()
    const run = system.client().execute({ agent_id: 'agent-1', command: 'echo out; echo err >&2; exit 7' })
    const events = []
    for await (const event of run) events.push(event)
    expect(events.map((event) => ('state' in event ? event.state : event.type))).toEqual([
      'command_response',
      'started',
      'output',
      'output',
      'command_result',
    ])
    const outcome = await run
    expect(outcome).toMatchObject({
      status: 'error',
      exit_code: 7,
      signal: null,
      stdout: 'out\n',
      stderr: 'err\n',
      execution_type: 'local',
      target: 'agent-1',
      stdout_bytes: 4,
      stderr_bytes: 4,
    })
  })

  test('delivers ten megabytes complete, by their hash', async () => {
    await using system = await startSystem()
    const run = system.client().execute({ agent_id: 'agent-1', command: 'head -c 10000000 /dev/urandom' })
    const hash = createHash('sha256')
    let bytes = 0
    for await (const { data, offset } of run.output) {
      expect(offset).toBe(bytes)
      hash.update(data)
      bytes += data.length
    }
    const outcome = await run
    expect(bytes).toBe(10_000_000)
    expect(hash.digest('hex')).toBe(outcome.stdout_sha256)
    expect(outcome.stdout_truncated).toBe(true)
  })

  test('gives two loops over one run, and a late one, all of its output', async () => {
    await using system = await startSystem()
    const ogent = system.client()
    const run = ogent.execute({
      agent_id: 'agent-1',
      command: 'for i in 1 2 3; do echo $i; sleep 0.05; done',
    })
    const read = async (source: AsyncIterable<string>) => {
      let text = ''
      for await (const chunk of source) text += chunk
      return text
    }
    const both = await Promise.all([read(run.stdout), read(run.stdout)])
    expect(both).toEqual(['1\n2\n3\n', '1\n2\n3\n'])
    expect(await read(ogent.commands.attach(run.command_id).stdout)).toBe('1\n2\n3\n')
  })

  test('gives a reader that reads one event and then only waits the result of a long output', async () => {
    await using system = await startSystem()
    const run = system.client().execute({ agent_id: 'agent-1', command: 'head -c 8000000 /dev/zero' })
    const events = run[Symbol.asyncIterator]()
    await events.next()
    expect(await run).toMatchObject({ status: 'success', stdout_bytes: 8_000_000 })
    let bytes = 0
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.type === 'command_progress' && next.value.state === 'output') bytes += next.value.bytes
    }
    expect(bytes).toBe(8_000_000)
  })

  test('follows a known id instead of starting it again, and refuses it for another command', async () => {
    await using system = await startSystem()
    const ogent = system.client()
    const request = { agent_id: 'agent-1', command: `echo x >> ${system.folder}/count`, command_id: 'mine-1' }
    await ogent.execute(request)
    await ogent.execute(request)
    const counted = await ogent.execute({ agent_id: 'agent-1', command: `wc -l < ${system.folder}/count` })
    expect(counted.stdout.trim()).toBe('1')
    await expect(ogent.execute({ ...request, command: 'true' })).rejects.toMatchObject({
      code: 'COMMAND_ID_TAKEN',
    })
  })
}
