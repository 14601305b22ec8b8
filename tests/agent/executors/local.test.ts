import { afterAll, describe, expect, test } from 'vitest'
import type { ExecSpec } from '../../../src/agent/core/ports.js'
import { LocalExecutor } from '../../../src/agent/executors/local.js'
import { groupExists } from '../../../src/agent/executors/process-group.js'
import { executorSuite, LEFT_BEHIND_MS, outcomeOf, runOn, startOn } from '../../suites/executor-suite.js'
import { until } from '../../support/processes.js'

function local(warmShells: number): LocalExecutor {
  return new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, warmShells })
}

for (const [name, warmShells] of [
  ['the local executor, started cold', 0],
  ['the local executor with warm shells', 8],
] as const) {
  executorSuite(name, async () => {
    const executor = local(warmShells)
    return { executor, [Symbol.asyncDispose]: () => executor.close() }
  })
}

describe('a command in a warm shell', () => {
  const cold = local(0)
  const warm = local(4)
  afterAll(() => warm.close())

  /** The same command both ways; the warm one in a process that was there before. */
  async function both(command: string, more: Partial<ExecSpec> = {}) {
    await until('a shell is ready', () => warm.warmShells.length > 0)
    const spec = { ...more, command_id: 'both' }
    const ready = warm.warmShells
    const execution = await startOn(warm, command, spec)
    expect(ready).toContain(execution.pid)
    const outcomes = [await runOn(cold, command, spec), await outcomeOf(execution)]
    return outcomes.map(({ stdout, stderr, exit }) => ({
      stdout: stdout.toString(),
      stderr: stderr.toString(),
      exit,
    }))
  }

  test.each([
    ['the environment', 'env | sort', {}],
    [
      'the environment with more in it',
      'env | sort',
      { env: { A: "it's\n$HOME `id`", IFS: 'x', UID: '7', PATH: '/usr/bin:/bin' } },
    ],
    ['the working folder', 'pwd; echo $PWD; env | grep -c OLDPWD', { cwd: '/tmp' }],
    ['the name and the arguments', 'echo "$0" $# "$*" "$-"', {}],
    ['the open files', 'ls /proc/$$/fd', {}],
    ['signals, limits and the mask', 'grep ^Sig[IBC] /proc/self/status; umask; ulimit -a', {}],
    ['the process group', 'test $$ = $(ps -o pgid= -p $$) && test $$ = $(ps -o sid= -p $$) && echo own', {}],
    ['an empty input', 'wc -c; readlink /proc/self/fd/0', {}],
    ['an input', 'cat', { stdin: 'a\nb' }],
    ['quotes, newlines and what looks like an end', "printf '%s' 'a\nb'\necho \"$(echo 'x')\" # done\n", {}],
    ['an exit code', 'exit 41', {}],
    ['a signal', 'kill -KILL $$', {}],
    ['a syntax error', 'if then', {}],
  ])('sees %s as in a cold one', async (_what, command, more) => {
    const [inCold, inWarm] = await both(command, more)
    expect(inWarm).toEqual(inCold)
  })

  test('is gone when its executor is closed', async () => {
    const alone = local(2)
    await until('shells are ready', () => alone.warmShells.length === 2)
    const shells = alone.warmShells
    await alone.close()
    const groupsGone = () => shells.every((pid) => !groupExists(pid))
    await until('they are gone', groupsGone)
  })
})
