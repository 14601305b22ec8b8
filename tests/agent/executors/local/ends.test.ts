import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, test } from 'vitest'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { endOrphans } from '../../../../src/agent/executors/local/orphans.js'
import { markOf } from '../../../../src/host/process-mark.js'
import { killLeftovers, LEFT_BEHIND_MS, outcomeOf, startOn } from '../../../suites/executor-suite.js'
import { processesOf, until } from '../../../support/processes.js'
import { repository } from '../../../support/samples.js'
import { needs } from '../../../support/services.js'
import { Sleeps } from '../../../support/sleeps.js'

const ways = [
  ['posix_spawn', false],
  ['a fork of Node', true],
] as const

/** Each leaves the command's session, so that the process group of its shell does not have it. */
const escapes: [how: string, command: (sleep: string) => string][] = [
  ['in a session of its own', (sleep) => `setsid ${sleep} >/dev/null 2>&1 &`],
  ['in a session of its own whose parent has gone', (sleep) => `sh -c 'setsid ${sleep} >/dev/null 2>&1 &'`],
  ['in a session of its own, without an environment', (sleep) => `env -i setsid ${sleep} >/dev/null 2>&1 &`],
  [
    'without an environment, its parent gone, in a session that has other processes of the command',
    (sleep) => `setsid sh -c "sh -c 'env -i ${sleep} &'; exec ${sleep}" >/dev/null 2>&1 &`,
  ],
  [
    'that ignores the request to end, in a session of its own',
    (sleep) => `setsid sh -c "trap '' TERM; exec ${sleep}" >/dev/null 2>&1 &`,
  ],
  ['in a process group of its own', (sleep) => `set -m; ${sleep} >/dev/null 2>&1 & set +m;`],
]

describe.each(ways)('a command started by %s', (_name, forks) => {
  const open = () => new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS, forks })
  const executor = open()
  let sleeps = new Sleeps()
  afterEach(() => {
    sleeps.end()
    killLeftovers()
    sleeps = new Sleeps()
  })
  afterAll(() => executor.close())

  const start = async (command: (sleep: string) => string, on = executor) => {
    const execution = await startOn(on, `${command(sleeps.text)} echo ready; exec sleep 300`)
    await until('the process runs', () => sleeps.pids().length > 0)
    return execution
  }

  test.each(escapes)('is ended together with a process %s', async (_how, command) => {
    const execution = await start(command)
    execution.terminate(300)
    const { exit } = await outcomeOf(execution)
    expect(exit).toMatchObject({ exit_code: null, signal: 'SIGTERM' })
    expect(sleeps.pids()).toEqual([])
    expect(processesOf(execution.command_id)).toEqual([])
  })

  test.each(escapes)(
    'is ended by force, when its executor is closed, together with a process %s',
    async (_how, command) => {
      const own = open()
      const execution = await start(command, own)
      await own.close()
      expect(sleeps.pids()).toEqual([])
      expect(processesOf(execution.command_id)).toEqual([])
      await outcomeOf(execution)
    },
  )

  test('ends processes in a session of their own when it is ended after its shell has ended', async () => {
    const execution = await startOn(executor, `setsid sh -c '${sleeps.text} & wait' & exit 0`)
    await until('the process runs', () => sleeps.pids().length > 0)
    execution.terminate(300)
    await outcomeOf(execution)
    expect(sleeps.pids()).toEqual([])
  })

  test('leaves processes in a session of their own alone when it ends by itself', async () => {
    const execution = await startOn(executor, `setsid ${sleeps.text} >/dev/null 2>&1 & exit 0`)
    const { exit } = await outcomeOf(execution)
    expect(exit).toEqual({ exit_code: 0, signal: null, reason: null })
    await until('the process runs', () => sleeps.pids().length === 1)
  })

  test('is not confused with another command whose processes run at the same time', async () => {
    const stays = await start((sleep) => `setsid ${sleep} >/dev/null 2>&1 &`)
    const goes = await startOn(executor, 'setsid sleep 301 >/dev/null 2>&1 & exec sleep 302')
    await until('the other runs', () => processesOf(goes.command_id).length === 2)
    goes.terminate(300)
    await outcomeOf(goes)
    expect(processesOf(goes.command_id)).toEqual([])
    expect(sleeps.pids()).toHaveLength(1)
    stays.terminate(0)
    await outcomeOf(stays)
  })

  test.each(escapes.filter(([how]) => how !== 'in a process group of its own'))(
    'is ended by the next agent, when its own was killed, together with a process %s',
    async (_how, command) => {
      const execution = await start(command)
      const mark = execution.pid === undefined ? undefined : markOf(execution.pid)
      await endOrphans(execution.command_id, mark, 300)
      expect(sleeps.pids()).toEqual([])
      expect(processesOf(execution.command_id)).toEqual([])
      await outcomeOf(execution)
    },
  )
})

/** In a PID namespace the next process id can be chosen, so that one is used again at once. */
describe.skipIf(needs('unshare') || process.getuid?.() !== 0)(
  'a process group whose id is used again',
  () => {
    test.each(ways)('is left alone by a command started by %s', async (_name, forks) => {
      const script = join(repository, 'tests/agent/executors/local/reused-id.mjs')
      const child = spawn(
        'unshare',
        ['--pid', '--fork', '--mount-proc', '--kill-child', process.execPath, script, String(forks)],
        {
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      )
      let said = ''
      child.stdout.on('data', (text) => {
        said += text
      })
      await once(child, 'close')
      expect(JSON.parse(said)).toMatchObject({ strangerLives: true })
    })
  },
)
