import { createHash } from 'node:crypto'
import { createWriteStream, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createOgentClient } from '../../../src/client/client.js'
import { linesOf } from '../../../src/client/commands/lines.js'
import type { OutputChunk, OutputLine } from '../../../src/client/commands/output.js'
import { until } from '../../support/processes.js'
import { TcpProxy } from '../../support/proxy.js'
import { ended, output, RogueAgent, started } from '../../support/rogue-agent.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system?.[Symbol.asyncDispose]())

const agent_id = 'agent-1'

function run(command: string) {
  return system.client().execute({ agent_id, command })
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const item of items) found.push(item)
  return found
}

describe('a run is a promise', () => {
  test('whose catch, finally and tag are those of any', async () => {
    const failed = system.client().execute({ agent_id: 'agent-9', command: 'true' })
    expect(await failed.catch((error: unknown) => error)).toMatchObject({ code: 'AGENT_NOT_FOUND' })
    let seen = 0
    const count = () => {
      seen += 1
    }
    await expect(failed.finally(count)).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
    const whole: Promise<unknown> = run('echo it')
    expect(await whole.catch(() => 'no').finally(count)).toMatchObject({ status: 'success', stdout: 'it\n' })
    expect(await whole.finally(count)).toMatchObject({ exit_code: 0 })
    expect(seen).toBe(3)
    expect(String(whole)).toBe('[object CommandRun]')
  })
})

describe('lines', () => {
  test('of both streams are whole, with the stream of each', async () => {
    const lines = await all(
      run('printf "one\\r\\ntwo"; sleep 0.1; echo " more"; echo careful >&2; printf "äöü"').lines(),
    )
    const of = (stream: string) => lines.filter((one) => one.stream === stream).map(({ line }) => line)
    expect(of('stdout')).toEqual(['one', 'two more', 'äöü'])
    expect(of('stderr')).toEqual(['careful'])
    expect(lines.every(({ partial }) => !partial)).toBe(true)
  })

  test('of one stream are those alone, and each loop has them from the beginning', async () => {
    const two = run('echo out; echo err >&2; echo; echo last')
    const lines = two.lines({ stream: 'stdout' })
    expect((await all(lines)).map(({ line }) => line)).toEqual(['out', '', 'last'])
    expect((await all(lines)).map(({ line }) => line)).toEqual(['out', '', 'last'])
    expect((await all(two.lines({ stream: 'stderr' }))).map(({ line }) => line)).toEqual(['err'])
    expect(await all(run('true').lines())).toEqual([])
  })

  test('come as they end, while the command runs', async () => {
    const live = run('echo one; echo two; sleep 60')
    const seen: string[] = []
    for await (const { line } of live.lines()) {
      seen.push(line)
      if (line === 'two') break
    }
    expect(seen).toEqual(['one', 'two'])
    await live.cancel()
  })

  test('keep characters that an agent sent in two pieces', async () => {
    await using rogue = await RogueAgent.connect(system.url, 'rogue-lines')
    const cut = system.client().execute({ agent_id: 'rogue-lines', command: 'printf grüße' })
    const { command_id } = await rogue.order()
    const [head, tail] = [
      Buffer.from('grü').subarray(0, 3),
      Buffer.concat([Buffer.from('ü').subarray(1), Buffer.from('ße\n')]),
    ]
    await rogue.report(started(command_id), output(command_id, 2, 0, head), output(command_id, 3, 3, tail))
    await rogue.report(ended(command_id, 4, 'grüße\n'))
    expect((await all(cut.lines())).map(({ line }) => line)).toEqual(['grüße'])
    expect(await cut.text()).toBe('grüße\n')
  })

  test('that are longer than the bound come in pieces that put together are the line', async () => {
    const long = run("printf '%s\\n' aaaaaaaaaa ääääää b")
    const lines = await all(long.lines({ maxBytes: 5 }))
    expect(lines.map(({ line, partial }) => (partial ? `${line}…` : line))).toEqual([
      'aaaaa…',
      'aaaaa',
      'ää…',
      'ää…',
      'ää',
      'b',
    ])
    for (const maxBytes of [3, 0, -1, Number.NaN]) {
      expect(() => long.lines({ maxBytes })).toThrow(expect.objectContaining({ code: 'VALIDATION_FAILED' }))
    }
  })

  test('are the same for every way in which the output is cut, and no item is above the bound', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'ä', '€', '😀', '\n', '\r\n', ' '), maxLength: 60 })
    await fc.assert(
      fc.asyncProperty(
        text,
        fc.array(fc.nat(80), { maxLength: 8 }),
        fc.integer({ min: 4, max: 40 }),
        async (whole, cuts, maxBytes) => {
          const bytes = Buffer.from(whole)
          const places = [
            0,
            ...cuts.map((cut) => Math.min(cut, bytes.length)).sort((a, b) => a - b),
            bytes.length,
          ]
          const chunks = async function* (): AsyncGenerator<OutputChunk> {
            for (const [index, from] of places.entries()) {
              yield { stream: 'stdout', data: bytes.subarray(from, places[index + 1]), offset: from }
            }
          }
          const items = await all(linesOf(chunks(), { maxBytes }))
          for (const { line } of items) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(maxBytes)
          const expected = whole.split(/\r?\n/)
          if (expected.at(-1) === '') expected.pop()
          expect(joined(items)).toEqual(expected)
        },
      ),
    )
  })

  /** What belongs together; a line end that was cut in two leaves its first half, as a terminal would see it. */
  function joined(items: OutputLine[]): string[] {
    const lines: string[] = []
    let line = ''
    for (const item of items) {
      line += item.line
      if (item.partial) continue
      lines.push(line.replace(/\r$/, ''))
      line = ''
    }
    return lines
  }
})

describe('the whole of a stream', () => {
  test('is text or bytes, of stdout or of the stream that is named', async () => {
    const both = run('printf "\\357\\273\\277grüße\\n"; printf "\\377\\000" >&2')
    expect(await both.text()).toBe('\ufeffgrüße\n')
    expect(Buffer.from(await both.bytes()).toString()).toBe('\ufeffgrüße\n')
    expect([...(await both.bytes({ stream: 'stderr' }))]).toEqual([0xff, 0])
    expect(await both.text({ stream: 'stderr' })).toBe('\ufffd\0')
    expect([await run('true').text(), (await run('true').bytes()).length]).toEqual(['', 0])
  })

  test('has what the outcome leaves out, and comes whole from small chunks', async () => {
    const much = run('seq 1 400000')
    const [bytes, { stdout_sha256, stdout_truncated, stdout_bytes }] = [await much.bytes(), await much]
    expect(stdout_truncated).toBe(true)
    expect(bytes.buffer.byteLength).toBe(stdout_bytes)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(stdout_sha256)
    expect((await much.text()).length).toBe(stdout_bytes)
    const small = run('for i in 1 2 3 4 5; do echo $i; sleep 0.05; done; seq 6 3000')
    expect(Buffer.from(await small.bytes()).toString()).toBe((await small).stdout)
  })

  test('that is longer than its bound is refused, and the command goes on', async () => {
    const long = run('seq 1 1000; sleep 60')
    const refused = { code: 'PAYLOAD_TOO_LARGE', message: expect.stringContaining('longer than 100 bytes') }
    await expect(long.text({ maxBytes: 100 })).rejects.toMatchObject(refused)
    await expect(long.bytes({ maxBytes: 100 })).rejects.toMatchObject(refused)
    await expect(long.bytes({ maxBytes: -1 })).rejects.toMatchObject({ code: 'VALIDATION_FAILED' })
    expect(await system.client().commands.get(long.command_id)).toMatchObject({ status: 'running' })
    await long.cancel()
  })

  test('and a loop over lines end by a signal of their own, and the command goes on', async () => {
    const reason = new Error('enough')
    const live = run('echo up; sleep 60')
    for await (const _ of live.lines()) break
    const controller = new AbortController()
    const { signal } = controller
    const waiting = [live.text({ signal }), live.bytes({ signal }), all(live.lines({ signal }))]
    const piped = live.pipeTo(new PassThrough(), { signal })
    setImmediate(() => controller.abort(reason))
    for (const one of [...waiting, piped]) await expect(one).rejects.toBe(reason)
    await expect(live.cancel({ signal })).rejects.toBe(reason)
    expect(await live).toMatchObject({ status: 'cancelled' })
  })
})

describe('a web stream of stdout', () => {
  test('gives all of its bytes, each time anew', async () => {
    const twice = run('seq 1 50000; echo careful >&2')
    const first = await new Response(twice.readable).text()
    expect(first).toBe(await twice.text())
    expect(await new Response(twice.readable).text()).toBe(first)
  })

  test('that is cancelled while it waits for more frees its loop, and the command goes on', async () => {
    const live = run('echo up; sleep 60')
    const reader = live.readable.getReader()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('up\n')
    const waiting = reader.read()
    await reader.cancel()
    expect(await waiting).toMatchObject({ done: true })
    expect(await system.client().commands.get(live.command_id)).toMatchObject({ status: 'running' })
    await live.cancel()
    expect(await live).toMatchObject({ status: 'cancelled' })
  })

  test('fails with what kept the command from being followed', async () => {
    const unknown = system.client().execute({ agent_id: 'agent-9', command: 'true' })
    await expect(unknown.readable.getReader().read()).rejects.toMatchObject({ code: 'AGENT_NOT_FOUND' })
  })

  test('takes no more from the controller than is read of it', async () => {
    await using proxy = await TcpProxy.start(() => Number(new URL(system.url).port))
    let down = 0
    proxy.tamper = (frame, direction) => {
      if (direction === 'down') down += frame.bytes.length
      return 'pass'
    }
    const { username, password } = accounts.operator
    await using ogent = createOgentClient({ url: proxy.url, username, password })
    const much = ogent.execute({ agent_id, command: 'seq 1 3000000 | head -c 20000000' })
    const reader = much.readable.getReader()
    let length = (await reader.read()).value?.length ?? 0
    await until('it has ended', async () => {
      const { status } = await system.client().commands.get(much.command_id)
      return status === 'success'
    })
    // What is on its way when the reading rests comes too.
    expect(down).toBeLessThan(10_000_000)
    for (let part = await reader.read(); !part.done; part = await reader.read()) length += part.value.length
    expect(length).toBe(20_000_000)
    expect(down).toBeGreaterThan(20_000_000)
  })
})

describe('a pipe', () => {
  const numbers = 'seq 1 300000'
  const expected = `${Array.from({ length: 300_000 }, (_, index) => index + 1).join('\n')}\n`

  test('writes all to a file, and ends it', async () => {
    const path = join(system.folder, 'numbers')
    const file = createWriteStream(path)
    await run(numbers).pipeTo(file)
    expect(file.writableFinished).toBe(true)
    expect(readFileSync(path, 'utf8')).toBe(expected)
  })

  test('waits for a slow destination of Node.js', async () => {
    let text = ''
    let writing = 0
    const slow = new Writable({
      highWaterMark: 1,
      write(chunk: Buffer, _encoding, done) {
        writing += 1
        setImmediate(() => {
          expect(slow.writableLength).toBeLessThanOrEqual(chunk.length)
          writing -= 1
          text += chunk.toString('latin1')
          done()
        })
      },
    })
    await run(numbers).pipeTo(slow)
    expect({ writing, text: text === expected }).toEqual({ writing: 0, text: true })
  })

  test('waits for a slow destination of the web, and closes it', async () => {
    let text = ''
    let closed = false
    const slow = new WritableStream<Uint8Array>({
      async write(chunk) {
        await new Promise((resolve) => setImmediate(resolve))
        text += Buffer.from(chunk).toString('latin1')
      },
      close() {
        closed = true
      },
    })
    await run(numbers).pipeTo(slow)
    expect({ closed, text: text === expected, locked: slow.locked }).toEqual({
      closed: true,
      text: true,
      locked: false,
    })
  })

  test('leaves a destination open where its end is not wanted, with all written', async () => {
    let seen = ''
    const node = new Writable({
      write(chunk, _encoding, done) {
        setImmediate(() => {
          seen += chunk
          done()
        })
      },
    })
    await run('echo one').pipeTo(node, { end: false })
    expect(seen).toBe('one\n')
    await run('echo two').pipeTo(node)
    expect({ seen, finished: node.writableFinished }).toEqual({ seen: 'one\ntwo\n', finished: true })
    const web = new TransformStream<Uint8Array, Uint8Array>()
    const whole = new Response(web.readable).text()
    await run('echo one').pipeTo(web.writable, { end: false })
    await run('echo two').pipeTo(web.writable)
    expect(await whole).toBe('one\ntwo\n')
  })

  test('never ends the standard output of the program', async () => {
    const standard = Object.assign(new PassThrough(), { fd: 1 })
    await run('echo it').pipeTo(standard)
    expect(standard.writableEnded).toBe(false)
    expect(standard.read().toString()).toBe('it\n')
  })

  const own = new Error('disk full')
  const failing: [string, () => Writable | WritableStream<Uint8Array>][] = [
    ['of Node.js', () => new Writable({ write: (_chunk, _encoding, done) => done(own) })],
    [
      'of Node.js, between two chunks',
      () => {
        const dead = new Writable({ write: (_chunk, _encoding, done) => done() })
        setImmediate(() => dead.destroy(own))
        return dead
      },
    ],
    ['of the web', () => new WritableStream({ write: () => Promise.reject(own) })],
    [
      'of the web, between two chunks',
      () => new WritableStream({ start: (controller) => void setImmediate(() => controller.error(own)) }),
    ],
  ]
  test.each(failing)(
    'ends with the error of a destination %s, and the command goes on',
    async (_what, destination) => {
      const live = run('echo up; sleep 60')
      for await (const _ of live.output) break
      await expect(live.pipeTo(destination())).rejects.toBe(own)
      await until(
        'it runs',
        async () => (await system.client().commands.get(live.command_id)).status === 'running',
      )
      await live.cancel()
      expect(await live).toMatchObject({ status: 'cancelled' })
    },
  )

  test('does not wait for a destination that was closed before, or is closed on the way', async () => {
    const gone = new PassThrough()
    gone.destroy()
    await expect(run('true').pipeTo(gone)).rejects.toThrow(/closed|destroyed/)
    const going = new PassThrough()
    const live = run('echo up; sleep 60')
    going.once('data', () => going.destroy())
    await expect(live.pipeTo(going)).rejects.toThrow('closed before all was written')
    const used = new WritableStream()
    used.getWriter()
    await expect(live.pipeTo(used)).rejects.toThrow(TypeError)
    await live.cancel()
  })

  test('ends a destination in the error where the output cannot be had to its end', async () => {
    const ogent = system.client()
    const node = new PassThrough()
    const failure = new Promise((resolve) => node.once('error', resolve))
    let aborted: unknown
    const web = new WritableStream({
      abort(reason) {
        aborted = reason
      },
    })
    const live = ogent.execute({ agent_id, command: 'echo up; sleep 60' })
    for await (const _ of live.output) break
    const pipes = [live.pipeTo(node), live.pipeTo(web)]
    await until('it writes', () => node.readableLength > 0)
    await ogent.close()
    for (const one of pipes) await expect(one).rejects.toMatchObject({ code: 'CLOSED' })
    expect(await failure).toMatchObject({ code: 'CLOSED' })
    expect(aborted).toMatchObject({ code: 'CLOSED' })
    await system.client().commands.cancel(live.command_id)
  })
})
