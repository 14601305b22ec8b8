import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startOgent } from '../../support/ogent.js'
import { processesOf, until } from '../../support/processes.js'
import { repository } from '../../support/samples.js'
import { accounts, type System, startSystem } from '../../support/system.js'

let system: System
beforeAll(async () => {
  system = await startSystem()
})
afterAll(() => system[Symbol.asyncDispose]())

const start = (...args: string[]) => startOgent(system, ['run', ...args], { stdin: 'open' })

describe('the standard input of ogent run', () => {
  test('arrives whole when it is 3 MiB of bytes', async () => {
    const bytes = randomBytes(3 * 1024 * 1024)
    const { child, ended } = start('agent-1', '--', 'sha256sum')
    child.stdin?.end(bytes)
    const hash = createHash('sha256').update(bytes).digest('hex')
    expect(await ended).toEqual({ code: 0, stdout: `${hash}  -\n`, stderr: '' })
  })

  test('arrives as it comes when the pipe stays open', async () => {
    const { child, said, ended } = start('agent-1', '--', 'grep --line-buffered x; exit 3')
    child.stdin?.write('x1\ny1\n')
    await until('the first line is answered', () => said.stdout === 'x1\n')
    child.stdin?.write('y2\nx2\n')
    await until('the second line is answered', () => said.stdout === 'x1\nx2\n')
    child.stdin?.end('x3')
    expect(await ended).toEqual({ code: 3, stdout: 'x1\nx2\nx3\n', stderr: '' })
  })

  test('arrives when it comes late and --stdin is given', async () => {
    const { child, said, ended } = start('--stdin', 'agent-1', '--', 'echo on; cat')
    await until('the command runs', () => said.stdout === 'on\n')
    child.stdin?.end('late\n')
    expect(await ended).toEqual({ code: 0, stdout: 'on\nlate\n', stderr: '' })
  })

  test('is left quietly when the command reads no more, and what writes to it ends', async () => {
    expect(await fromShell('yes | ogent run agent-1 -- head -c 5; echo "code $?"')).toBe('y\ny\nycode 0\n')
  })

  test('is left quietly when the command goes on without it', async () => {
    const { child, said, ended } = start('agent-1', '--', 'head -n 1; exec <&-; echo on; sleep 0.5; echo end')
    child.stdin?.write('one\n')
    await until('it reads no more', () => said.stdout === 'one\non\n')
    child.stdin?.write('two\n'.repeat(100_000))
    expect(await ended).toEqual({ code: 0, stdout: 'one\non\nend\n', stderr: '' })
  })

  test('does not keep Ctrl-C from cancelling the command', async () => {
    const { child, said, ended } = start('--id', 'streamed', 'agent-1', '--', 'cat; sleep 300')
    child.stdin?.write('on\n')
    await until('the command runs', () => said.stdout === 'on\n')
    child.kill('SIGINT')
    expect((await ended).code).toBe(130)
    expect(processesOf('streamed')).toEqual([])
  })

  test('is continued by the same id when the program was killed', async () => {
    const args = ['--id', 'continued', 'agent-1', '--', 'cat']
    const first = start(...args)
    first.child.stdin?.write('first ')
    await until('it was read', () => first.said.stdout === 'first ')
    first.child.kill('SIGKILL')
    await first.ended
    const again = start(...args)
    again.child.stdin?.write('first ')
    await until('it is followed', () => again.said.stdout === 'first ')
    again.child.stdin?.end('last\n')
    expect(await again.ended).toMatchObject({ code: 0, stdout: 'first last\n' })
  })
})

/** What a shell line prints that calls `ogent`. */
async function fromShell(line: string): Promise<string> {
  const { username, password } = accounts.operator
  const call = `ogent() { "${process.execPath}" "${repository}dist/cli/main.js" "$@"; }\n${line}`
  const child = spawn('sh', ['-c', call], {
    env: {
      PATH: process.env.PATH,
      XDG_CONFIG_HOME: system.folder,
      OGENT_URL: system.url,
      OGENT_USERNAME: username,
      OGENT_PASSWORD: password,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [said] = await Promise.all([text(child.stdout), once(child, 'close')])
  return said
}
