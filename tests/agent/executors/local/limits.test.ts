import { describe, expect, test } from 'vitest'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { LEFT_BEHIND_MS, runOn } from '../../../suites/executor-suite.js'
import { run } from '../../../support/program.js'

const ways = [
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const

describe.each(ways)('a command started by %s', (_name, forks) => {
  test('is killed before its agent when memory runs out', async () => {
    // It runs at 0, or this user may not go below what it has.
    const own = Number((await run('cat', ['/proc/self/oom_score_adj'])).stdout)
    // The shell is given it at its start; what it starts inherits it.
    const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })
    const { stdout } = await runOn(executor, 'sleep 0.2; cat /proc/self/oom_score_adj')
    expect(stdout.toString().trim()).toBe(String(Math.min(own + 500, 1000)))
  })

  const script = (openFiles: number) => `
    import { openSync, readFileSync } from 'node:fs'
    const { LocalExecutor } = await import(process.argv[1])
    for (let count = 0; count < ${openFiles}; count++) openSync('/dev/null')
    const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: 1000, forks: ${forks} })
    const execution = await executor.start(
      { command_id: 'limits', command: 'sleep 0.2; ulimit -Sn; ulimit -Hn' }, new AbortController().signal)
    for await (const { data } of execution.output) process.stdout.write(data)
    await execution.exit
    const [, soft, hard] = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files +([0-9]+) +([0-9]+)/m)
    console.log(soft === hard ? 'raised' : 'not raised')
    process.exit(0)`
  const executorUrl = new URL('../../../../dist/agent/executors/local/executor.js', import.meta.url).href

  test.each([
    ['few files', 0],
    ['more files than that', 700],
  ])(
    'gets the limit of open files that its agent was started with while that has %s open',
    async (_, files) => {
      // The shell stays, as one does that an agent is started from.
      const shell = 'ulimit -Sn 600; ulimit -Hn 4000; "$0" --input-type=module -e "$1" "$2"; exit $?'
      const { stdout, stderr } = await run('sh', ['-c', shell, process.execPath, script(files), executorUrl])
      expect({ stdout, stderr }).toEqual({ stdout: '600\n4000\nraised\n', stderr: '' })
    },
  )

  test('gets the limit of its agent unchanged when the agent did not raise it', async () => {
    const shell = 'ulimit -n 4000; "$0" --input-type=module -e "$1" "$2"; exit $?'
    const { stdout } = await run('sh', ['-c', shell, process.execPath, script(0), executorUrl])
    expect(stdout).toBe('4000\n4000\nraised\n')
  })
})
