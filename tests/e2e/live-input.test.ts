import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { InputStream } from '../../src/client/commands/input-stream.js'
import type { CommandRun } from '../../src/client/commands/run.js'
import { limits } from '../../src/shared/commands/limits.js'
import { Controllers } from '../support/controllers.js'
import { processesOf, until } from '../support/processes.js'
import { TcpProxy } from '../support/proxy.js'
import { RedisProcess } from '../support/redis.js'
import { needs } from '../support/services.js'
import { type System, startSystem } from '../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const agent_id = 'agent-1'
const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')

function streamed(command: string, stdin: InputStream, more: object = {}): CommandRun {
  return system.client().execute({ agent_id, command, stdin, ...more })
}

/** In chunks of many sizes. */
function* cut(bytes: Uint8Array): Generator<Uint8Array, void> {
  for (let at = 0, size = 1; at < bytes.length; at += size, size = (size * 7) % 500_009) {
    yield bytes.subarray(at, at + size)
  }
}

describe('a stream as the standard input', () => {
  const bytes = randomBytes(5 * 1024 * 1024)

  test.each<[string, () => InputStream]>([
    ['a stream of Node.js', () => Readable.from(cut(bytes))],
    ['a web stream', () => ReadableStream.from(cut(bytes)) as ReadableStream<Uint8Array>],
  ])('arrives whole, five megabytes of %s, by their hash', async (_what, stream) => {
    const run = streamed('cat', stream())
    const back = await run.bytes()
    expect(hashOf(back)).toBe(hashOf(bytes))
    expect(await run).toMatchObject({ status: 'success', stdout_sha256: hashOf(bytes) })
  })

  test('arrives as it comes, and nothing of it late', async () => {
    const stream = new PassThrough()
    const run = streamed('while read -r line; do echo "got $line"; done', stream)
    const lines = run.lines()[Symbol.asyncIterator]()
    for (const line of ['one', 'two', 'three']) {
      stream.write(`${line}\n`)
      expect((await lines.next()).value).toMatchObject({ line: `got ${line}` })
    }
    stream.end()
    expect(await run).toMatchObject({ status: 'success' })
  })

  test('is left when the command reads no more, and the outcome is its own', async () => {
    let left = false
    const endless = async function* () {
      try {
        while (true) yield 'yes\n'.repeat(10_000)
      } finally {
        left = true
      }
    }
    const run = streamed('head -c 5; exit 4', endless())
    expect(await run).toMatchObject({ status: 'error', exit_code: 4, stdout: 'yes\ny' })
    await until('the stream is left', () => left)
  })

  test('that breaks is no end: the command is cancelled, and the run rejects with its error', async () => {
    const error = new Error('The disk is gone.')
    const stream = async function* () {
      yield 'a beginning\n'
      throw error
    }
    const run = streamed('cat; echo end', stream())
    await expect(run).rejects.toBe(error)
    const { status, result } = await system.client().commands.get(run.command_id)
    expect(status).toBe('cancelled')
    expect(result?.stdout).not.toContain('end')
    expect(processesOf(run.command_id)).toEqual([])
  })

  test('of nothing is an end at once', async () => {
    expect(await streamed('wc -c', Readable.from([]))).toMatchObject({ stdout: '0\n' })
  })
})

describe('run.stdin', () => {
  const open = (command: string, more: object = {}) =>
    system.client().execute({ agent_id, command, open_stdin: true, ...more })

  test('answers what the command writes', async () => {
    const run = open('while read -r n; do echo $((n * n)); done')
    await run.stdin.write('12\n')
    const lines: string[] = []
    for await (const { line } of run.lines()) {
      lines.push(line)
      if (lines.length === 1) await run.stdin.end('5\n')
    }
    expect(lines).toEqual(['144', '25'])
    expect(await run).toMatchObject({ status: 'success' })
  })

  test('writes behind the text of the request', async () => {
    const run = open('cat', { stdin: 'text, ' })
    await run.stdin.end('then more')
    expect(await run).toMatchObject({ stdout: 'text, then more' })
  })

  test('waits while the command does not read, and loses nothing', async () => {
    const ogent = system.client()
    const run = open('while [ ! -e go-on ]; do sleep 0.05; done; wc -c', { cwd: system.folder })
    const size = 4 * limits.input
    let taken = false
    const write = run.stdin.write('x'.repeat(size)).then(() => {
      taken = true
    })
    for await (const _ of run) break
    // Refused while the writer's own call is under way.
    const asked = () => ogent.commands.input({ command_id: run.command_id }).catch(() => undefined)
    const far = async () => (await asked())?.taken ?? 0
    await until('its agent has as much as it keeps', async () => (await far()) >= limits.input)
    expect(taken).toBe(false)
    writeFileSync(join(system.folder, 'go-on'), '')
    await write
    await run.stdin.end()
    expect(await run).toMatchObject({ stdout: `${size}\n` })
  })

  test('rejects when the command reads no more', async () => {
    const run = open('exec <&-; echo on; sleep 60')
    for await (const _ of run.stdout) break
    const many = async () => {
      while (true) await run.stdin.write('x'.repeat(100_000))
    }
    await expect(many()).rejects.toMatchObject({ code: 'CLOSED', command_id: run.command_id })
    await run.stdin.end()
    await run.cancel()
    expect(await run).toMatchObject({ status: 'cancelled' })
    await expect(run.stdin.write('x')).rejects.toMatchObject({ code: 'CLOSED' })
  })

  test('takes what is piped to its web stream', async () => {
    const run = open('wc -c')
    await new Response('x'.repeat(700_000)).body?.pipeTo(run.stdin.writable)
    expect(await run).toMatchObject({ stdout: '700000\n' })
  })

  test('of an attached run goes on where the input is, and is not for other accounts', async () => {
    const { command_id } = await system
      .client()
      .commands.start({ agent_id, command: 'cat', open_stdin: true })
    await system.client().commands.attach(command_id).stdin.write('one ')
    const other = system.client('admin').commands.attach(command_id)
    await expect(other.stdin.write('mine')).rejects.toMatchObject({ code: 'FORBIDDEN' })
    const again = system.client().commands.attach(command_id)
    await again.stdin.end('two')
    expect(await again).toMatchObject({ stdout: 'one two' })
  })
})

describe('commands.input', () => {
  test('takes a piece once, as text or bytes, and says how far the agent is', async () => {
    const ogent = system.client()
    const run = ogent.execute({ agent_id, command: 'cat | od -An -tx1', open_stdin: true })
    for await (const _ of run) break
    const { command_id } = run
    const piece = { command_id, offset: 0, data: 'aä' }
    expect(await ogent.commands.input(piece)).toEqual({ command_id, taken: 3, state: 'open' })
    expect(await ogent.commands.input(piece)).toMatchObject({ taken: 3, state: 'open' })
    expect(await ogent.commands.input({ command_id })).toMatchObject({ taken: 3, state: 'open' })
    const last = { command_id, offset: 3, data: Uint8Array.of(0xff, 0), end: true }
    expect(await ogent.commands.input(last)).toMatchObject({ taken: 5, state: 'ended' })
    expect(await run).toMatchObject({ stdout: ' 61 c3 a4 ff 00\n' })
  })

  test('fails for a command that is not known', async () => {
    const unknown = system.client().commands.input({ command_id: 'unknown', data: 'x' })
    await expect(unknown).rejects.toMatchObject({ code: 'COMMAND_NOT_FOUND', command_id: 'unknown' })
  })
})

describe('an input that is under way', () => {
  test('arrives whole when the links of the client and of the agent are cut', async () => {
    const target = () => Number(new URL(system.url).port)
    await using proxy = await TcpProxy.start(target)
    await system.addAgent('cut', { CONTROLLER_URL: proxy.url })
    const bytes = randomBytes(4 * 1024 * 1024)
    let sent = 0
    const stream = async function* () {
      for (const chunk of cut(bytes)) {
        sent += chunk.length
        yield chunk
        if (sent > 1024 * 1024 * (1 + proxy.broken)) proxy.cut()
      }
    }
    const run = system.client().execute({ agent_id: 'cut', command: 'sha256sum', stdin: stream() })
    expect(await run).toMatchObject({ stdout: `${hashOf(bytes)}  -\n` })
    expect(proxy.broken).toBeGreaterThan(2)
  })
})

describe.skipIf(needs('redis-server'))('an input by controllers that share a Redis', () => {
  test('arrives whole by the controller that has no link of the agent', async () => {
    await using redis = await RedisProcess.start()
    await using controllers = await Controllers.start(redis.url, { count: 2 })
    await controllers.agent(0, 'far')
    const bytes = randomBytes(2 * 1024 * 1024)
    const stdin = Readable.from(cut(bytes))
    const run = controllers.client(1).execute({ agent_id: 'far', command: 'sha256sum', stdin })
    expect(await run).toMatchObject({ stdout: `${hashOf(bytes)}  -\n` })
  })
})
