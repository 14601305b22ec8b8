import { readdirSync } from 'node:fs'
import { Writable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { LEFT_BEHIND_MS, outcomeOf, startOn } from '../../../suites/executor-suite.js'
import { until } from '../../../support/processes.js'
import { RunnerFixture } from '../../commands/runner-fixture.js'
import { inputSuite } from '../input-suite.js'

describe.each([
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const)('by %s', (name, forks) => {
  const open = () => new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })

  inputSuite(`the agent's machine, by ${name}`, async () => {
    const executor = open()
    return { executor, [Symbol.asyncDispose]: () => executor.close() }
  })

  test('the input of a command is closed when its program has closed it and runs on', async () => {
    const executor = open()
    await using fixture = new RunnerFixture({ executors: () => executor })
    fixture.execute('c', 'exec 0<&-; echo shut; exec sleep 600', { open_stdin: true })
    await fixture.written('c')
    fixture.input('c', 0, 'abc')
    await until('it is closed', () => fixture.input('c').state === 'closed')
    expect(fixture.input('c', 3, 'more').taken).toBe(3)
    expect(fixture.kindsOf('c')).not.toContain('result')
    fixture.cancel('c')
    expect((await fixture.result('c')).status).toBe('cancelled')
  })

  test('a command with an open input leaves no file open, however its input ends', async () => {
    const executor = open()
    const files = () => readdirSync('/proc/self/fd').length
    const run = async (command: string, feed: (input: Writable) => void) => {
      const execution = await startOn(executor, command, { open_stdin: true })
      if (!(execution.input instanceof Writable)) throw new Error('There is no input.')
      feed(execution.input)
      return (await outcomeOf(execution)).exit
    }
    await run('cat', (input) => input.end('x'))
    const before = files()
    for (let count = 0; count < 20; count++) {
      await run('cat', (input) => input.end('x'))
      await run('exit 3', () => {})
      await run('head -c 1', (input) => input.write('x'.repeat(200_000)))
      await startOn(executor, 'cat', { open_stdin: true, cwd: '/no/such/folder' }).catch(() => {})
    }
    await until('all files are closed', () => files() <= before)
    await executor.close()
  })
})
