import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { LEFT_BEHIND_MS, runOn } from '../../../suites/executor-suite.js'
import { temporaryFolder } from '../../../support/folder.js'

/** More than one argument holds: such a command reaches its shell by a fourth pipe. */
const PADDING = '#'.repeat(128 * 1024)

const ways = [
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const

describe.each(ways)('the standard streams of a command started by %s', (_name, forks) => {
  const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })
  afterAll(() => executor.close())

  test.each([
    ['a short command', ''],
    ['a command longer than one argument', `\n${PADDING}`],
  ])('are pipes for %s', async (_what, more) => {
    const { stdout, stderr, exit } = await runOn(
      executor,
      `stat -L -c %F /dev/fd/0 /dev/fd/1 /dev/fd/2${more}`,
      {
        stdin: 'x',
      },
    )
    expect({ stdout: stdout.toString(), stderr: stderr.toString() }).toEqual({
      stdout: 'fifo\nfifo\nfifo\n',
      stderr: '',
    })
    expect(exit.exit_code).toBe(0)
  })

  test('can be opened by their paths', async () => {
    const { stdout, stderr, exit } = await runOn(
      executor,
      'echo a > /dev/stdout; echo b > /dev/stderr; echo c > /proc/self/fd/1; echo d > /dev/fd/2; cat /dev/stdin',
      { stdin: 'e\n' },
    )
    expect(stderr.toString()).toBe('b\nd\n')
    expect(stdout.toString()).toBe('a\nc\ne\n')
    expect(exit.exit_code).toBe(0)
  })

  test('do not look like a network connection, which makes bash read its start file', async () => {
    using home = temporaryFolder('ogent-home-')
    writeFileSync(join(home.path, '.bashrc'), 'echo noise\n')
    const { stdout } = await runOn(executor, 'bash -c cat', { env: { HOME: home.path }, stdin: 'x' })
    expect(stdout.toString()).toBe('x')
  })

  test('give end of file to a command that reads input beyond what a pipe holds', async () => {
    const { stdout } = await runOn(executor, 'sleep 0.1; wc -c', { stdin: 'x'.repeat(900_000) })
    expect(stdout.toString().trim()).toBe('900000')
  })

  test('break for a process that keeps writing after its output was abandoned', async () => {
    using folder = temporaryFolder('ogent-broken-')
    const file = join(folder.path, 'status')
    const { exit } = await runOn(
      executor,
      `setsid sh -c 'trap "" PIPE; while echo x; do sleep 0.05; done; echo broken > ${file}' 2>/dev/null & exit 0`,
    )
    expect(exit.reason).toContain('is not read')
    const { stdout } = await runOn(
      executor,
      `for i in $(seq 600); do [ -s ${file} ] && break; sleep 0.05; done; cat ${file}`,
    )
    expect(stdout.toString()).toBe('broken\n')
  })
})
