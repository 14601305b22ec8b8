import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import { temporaryFolder } from '../../support/folder.js'
import { repository } from '../../support/samples.js'

/** Says what its standard input is given as; a stream is read when that is said. */
const PROGRAM = `
const { commandInput, textInput } = await import(${JSON.stringify(`${repository}dist/cli/session/input.js`)})
const { createHash } = await import('node:crypto')
const [which, wanted, most] = process.argv.slice(1)
const read = which === 'text' ? textInput : commandInput
const input = await read(wanted === '' ? undefined : wanted === 'true').catch((error) => error)
const say = (kind, value) => console.log(JSON.stringify({ kind, value }))
if (input instanceof Error) say(input.name, input.message)
else if (typeof input !== 'object') say(typeof input, input)
else {
  say('stream')
  const hash = createHash('sha256')
  let bytes = 0
  for await (const chunk of input) {
    bytes += chunk.length
    hash.update(chunk)
    if (bytes < Number(most || Infinity)) continue
    input.destroy()
    break
  }
  say(bytes, hash.digest('hex'))
}`

type Said = { kind: string | number; value?: string }

/** The program with a pipe, or with another standard input. */
function reading(
  which: 'command' | 'text',
  { wanted = '', most = '', stdin = 'pipe' as 'pipe' | 'shell', shell = '' } = {},
) {
  const args = ['--input-type=module', '-e', PROGRAM, which, wanted, most]
  const child =
    stdin === 'pipe'
      ? spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] })
      : spawn('sh', ['-c', shell, process.execPath, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const { stdout } = child
  if (!stdout) throw new Error('It is spawned with a pipe.')
  // It may end without having read it all.
  child.stdin?.on('error', () => {})
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  const said = async (): Promise<Said | undefined> => {
    const { value, done } = await lines.next()
    return done ? undefined : JSON.parse(value)
  }
  return { child, said, ended: once(child, 'close') }
}

function hashed(bytes: Buffer): Said {
  return { kind: bytes.length, value: createHash('sha256').update(bytes).digest('hex') } as Said
}

describe('the input of a command on one agent', () => {
  test('is the text of a pipe that has ended, with all of its characters', async () => {
    const { child, said } = reading('command', { wanted: 'true' })
    const text = '\ufeffäöü\0\r\n'
    child.stdin?.end(text)
    expect(await said()).toEqual({ kind: 'string', value: text })
  })

  test('is the text of a file, also of an empty one', async () => {
    using folder = temporaryFolder()
    for (const text of ['from a file\n', '']) {
      const file = join(folder.path, 'file')
      writeFileSync(file, text)
      const { said } = reading('command', { stdin: 'shell', shell: `exec "$0" "$@" < "${file}"` })
      expect(await said()).toEqual({ kind: 'string', value: text })
    }
  })

  test.each([
    ['binary', randomBytes(1000)],
    ['longer than 1 MiB', Buffer.from('x'.repeat(1024 * 1024 + 1))],
    ['binary and long', randomBytes(3_000_000)],
  ])('is a stream of all its bytes when it is %s', async (_what, bytes) => {
    const { child, said } = reading('command')
    child.stdin?.end(bytes)
    expect(await said()).toEqual({ kind: 'stream' })
    expect(await said()).toEqual(hashed(bytes))
  })

  test('is a stream when it has begun and does not end', async () => {
    const { child, said } = reading('command')
    child.stdin?.write('begun ')
    expect(await said()).toEqual({ kind: 'stream' })
    child.stdin?.end('and ended')
    expect(await said()).toEqual(hashed(Buffer.from('begun and ended')))
  })

  test('is a stream when it is silent and asked for', async () => {
    const { child, said } = reading('command', { wanted: 'true' })
    expect(await said()).toEqual({ kind: 'stream' })
    child.stdin?.end('late')
    expect(await said()).toEqual(hashed(Buffer.from('late')))
  })

  test('is closed by its end, so that what writes to it ends and so does this program', async () => {
    const line = 'yes | "$0" "$@"'
    const { ended } = reading('command', { most: '100000', stdin: 'shell', shell: line })
    expect((await ended)[0]).toBe(0)
  })

  test('is nothing with --no-stdin', async () => {
    const { said, ended } = reading('command', { wanted: 'false' })
    expect(await said()).toEqual({ kind: 'undefined' })
    await ended
  })
})

describe('the input of a command on several agents', () => {
  test('is text, read to its end', async () => {
    const { child, said } = reading('text')
    child.stdin?.write('begun ')
    child.stdin?.end('and ended')
    expect(await said()).toEqual({ kind: 'string', value: 'begun and ended' })
  })

  test.each([
    ['longer than 1 MiB', Buffer.from('x'.repeat(1024 * 1024 + 1)), /longer than 1 MiB.*one agent at a time/],
    ['binary', Buffer.of(0xff, 0xfe, 0), /not UTF-8.*one agent at a time/],
  ])('is refused, with the way around it, when it is %s', async (_what, bytes, message) => {
    const { child, said, ended } = reading('text')
    child.stdin?.write(bytes)
    // Too long, it is refused before its end.
    if (bytes.length < 1000) child.stdin?.end()
    expect(await said()).toEqual({ kind: 'UsageError', value: expect.stringMatching(message) })
    await ended
  })
})
