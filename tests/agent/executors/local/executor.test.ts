import { readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ExecSpec } from '../../../../src/agent/commands/ports.js'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { loadPosixSpawn } from '../../../../src/agent/executors/local/posix-spawn.js'
import { executorSuite, LEFT_BEHIND_MS, outcomeOf, runOn, startOn } from '../../../suites/executor-suite.js'
import { deadChildrenOf } from '../../../support/processes.js'

function local(forks: boolean): LocalExecutor {
  return new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })
}

for (const [name, forks] of [
  ['the local executor, by posix_spawn', false],
  ['the local executor, by a fork of Node', true],
] as const) {
  executorSuite(name, async () => {
    const executor = local(forks)
    return { executor, [Symbol.asyncDispose]: () => executor.close() }
  })
}

test('posix_spawn can be loaded', async () => {
  expect(await loadPosixSpawn()).toBeDefined()
})

describe('a command started by posix_spawn', () => {
  const forked = local(true)
  const spawned = local(false)

  /** The same command both ways. */
  async function both(command: string, more: Partial<ExecSpec> = {}) {
    const spec = { ...more, command_id: `both-${process.pid}` }
    const outcomes = [await runOn(forked, command, spec), await runOn(spawned, command, spec)]
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
    // The C library ignores two signals of its own (32 and 33) for what it spawns; nobody else may use them.
    [
      'signals, limits and the mask',
      'grep ^Sig[BC] /proc/self/status; umask; ulimit -a; read_ignored() { awk "/^SigIgn/ { print \\$2 }" /proc/self/status; }; echo $((0x$(read_ignored) & 0x7fffffff))',
      {},
    ],
    ['the process group', 'test $$ = $(ps -o pgid= -p $$) && test $$ = $(ps -o sid= -p $$) && echo own', {}],
    ['an empty input', 'wc -c; readlink /proc/self/fd/0', {}],
    ['an input', 'cat', { stdin: 'a\nb' }],
    ['quotes, newlines and what looks like an end', "printf '%s' 'a\nb'\necho \"$(echo 'x')\" # done\n", {}],
    ['an exit code', 'exit 41', {}],
    ['a signal', 'kill -KILL $$', {}],
    ['a syntax error', 'if then', {}],
  ])('sees %s as a command that Node forked does', async (_what, command, more) => {
    const [one, other] = await both(command, more)
    expect(other).toEqual(one)
  })

  test('names the folder that it cannot enter, the machine and the reason', async () => {
    for (const executor of [forked, spawned]) {
      const start = (cwd: string) => startOn(executor, 'true', { cwd })
      await expect(start('/no/such/folder')).rejects.toThrow(
        "The working folder /no/such/folder cannot be entered on the agent's machine: there is none such.",
      )
      await expect(start('/etc/hostname')).rejects.toThrow(
        "The working folder /etc/hostname cannot be entered on the agent's machine: it is not a folder.",
      )
    }
  })

  test('leaves no file open and no process behind, whether it starts or not', async () => {
    const open = () => readdirSync('/proc/self/fd').length
    await runOn(spawned, 'true')
    const before = open()
    for (let count = 0; count < 50; count++) {
      await runOn(spawned, 'echo out; echo err >&2; exit 3')
      await startOn(spawned, 'true', { cwd: '/no/such/folder' }).catch(() => {})
    }
    expect(open()).toBeLessThanOrEqual(before)
    expect(deadChildrenOf(process.pid)).toEqual([])
  })

  test('is lost, with the reason, when other code has collected its exit status', async () => {
    const execution = await startOn(spawned, 'exit 3')
    const { default: koffi } = await import('koffi')
    const wait = koffi.load(null).func('int waitpid(int pid, _Out_ int *status, int options)')
    // It blocks this thread until the process has ended, so that nobody else can be first.
    expect(wait(execution.pid, [0], 0)).toBe(execution.pid)
    const { exit } = await outcomeOf(execution)
    expect(exit).toEqual({
      exit_code: null,
      signal: null,
      reason: 'The end of the process was not seen: ECHILD.',
      lost: true,
    })
  })
})
