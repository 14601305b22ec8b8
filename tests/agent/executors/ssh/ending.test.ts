import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, test } from 'vitest'
import type { Execution } from '../../../../src/agent/commands/ports.js'
import { SshConnection } from '../../../../src/agent/executors/ssh/connection.js'
import { SshControl } from '../../../../src/agent/executors/ssh/control.js'
import { connectOnce } from '../../../../src/agent/executors/ssh/handshake.js'
import { killLeftovers, outcomeOf, runOn, startOn } from '../../../suites/executor-suite.js'
import { processesOf, until } from '../../../support/processes.js'
import { sshTarget } from '../../../support/ssh-target.js'
import { Sshd, silent, whyNoSshd } from '../../../support/sshd.js'

const skip = whyNoSshd()
const GUARD = { timeout: 300_000 }
const settings = { timeoutMs: 30_000 }

/** In sessions of their own, with and without ears for TERM, one behind another. */
const MOVED = [
  'setsid sleep 300 >/dev/null 2>&1 &',
  'setsid sh -c "trap : TERM; while :; do sleep 0.2; done" >/dev/null 2>&1 &',
  'setsid sh -c "setsid sleep 302 & sleep 303" >/dev/null 2>&1 &',
].join('\n')

async function firstOutput(execution: Execution): Promise<void> {
  await execution.output[Symbol.asyncIterator]().next()
}

/** A process of another command, and one of none, in groups of their own. */
function strangers() {
  const marks = [{ OGENT_COMMAND_ID: 'another-command' }, {}]
  const processes = marks.map((mark) =>
    spawn('sleep', ['300'], { detached: true, env: { ...process.env, ...mark }, stdio: 'ignore' }),
  )
  return {
    expectAlive: () => {
      for (const { exitCode, signalCode } of processes) expect(exitCode ?? signalCode).toBeNull()
    },
    [Symbol.asyncDispose]: async () => {
      for (const child of processes) {
        if (child.exitCode !== null || child.signalCode !== null) continue
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    },
  }
}

const title = 'the processes of a command on an SSH target'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  afterEach(killLeftovers)

  test('are ended with the command in any session or group, and no other process is', GUARD, async () => {
    await using others = strangers()
    await using target = await sshTarget({ settings })
    const execution = await startOn(target.executor, `${MOVED}\necho on; sleep 304`)
    await firstOutput(execution)
    await until('all have moved', () => processesOf(execution.command_id).length >= 6)
    execution.terminate(1000)
    expect((await outcomeOf(execution)).exit).toMatchObject({ exit_code: null, signal: 'SIGTERM' })
    expect(processesOf(execution.command_id)).toEqual([])
    others.expectAlive()
  })

  test('are ended when the agent stops', GUARD, async () => {
    await using target = await sshTarget({ settings })
    const execution = await startOn(target.executor, `${MOVED}\necho on; sleep 304`)
    await firstOutput(execution)
    await until('all have moved', () => processesOf(execution.command_id).length >= 6)
    await target.executor.close()
    await outcomeOf(execution)
    expect(processesOf(execution.command_id)).toEqual([])
  })

  test('continue in a session of their own when the command ends by itself', GUARD, async () => {
    await using target = await sshTarget({ settings })
    const execution = await startOn(target.executor, 'setsid sleep 300 >/dev/null 2>&1 & exec true')
    expect((await outcomeOf(execution)).exit).toEqual({ exit_code: 0, signal: null, reason: null })
    expect(processesOf(execution.command_id)).toHaveLength(1)
  })

  test('are ended at the next connection in any session or group', GUARD, async () => {
    await using target = await sshTarget({ settings })
    const { sshd, executor } = target
    const execution = await startOn(executor, `${MOVED}\necho on; sleep 304`)
    await firstOutput(execution)
    await until('all have moved', () => processesOf(execution.command_id).length >= 6)
    await sshd.kill()
    expect((await outcomeOf(execution)).exit.lost).toBe(true)
    await sshd.up()
    await until('none is left', () => processesOf(execution.command_id).length === 0)
  })
})

const graceTitle = 'the grace period of a command on an SSH target'
describe.skipIf(skip !== undefined)(graceTitle, () => {
  afterEach(killLeftovers)

  test('is measured by the clock, however many processes there are', GUARD, async () => {
    await using target = await sshTarget({ settings })
    const crowd = spawn(
      'sh',
      ['-c', 'i=0; while [ $i -lt 1200 ]; do sleep 200 & i=$((i+1)); done; echo; wait'],
      {
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      },
    )
    try {
      await once(crowd.stdout, 'data')
      const execution = await startOn(target.executor, "trap '' TERM; echo on; while :; do sleep 0.2; done")
      await firstOutput(execution)
      const began = performance.now()
      execution.terminate(3000)
      expect((await outcomeOf(execution)).exit.signal).toBe('SIGKILL')
      const took = performance.now() - began
      expect(took).toBeGreaterThan(3000)
      expect(took).toBeLessThan(30_000)
    } finally {
      if (crowd.pid !== undefined) process.kill(-crowd.pid, 'SIGKILL')
    }
  })

  test('does not start again while the target is still ending the command', GUARD, async () => {
    await using sshd = await Sshd.start({ config: ['LogLevel VERBOSE'] })
    const attempt = await connectOnce(sshd.settings(settings), new AbortController().signal)
    if (!attempt.ok) throw new Error(attempt.failure.message)
    const connection = new SshConnection(attempt.client, sshd.settings(settings), silent)
    const control = new SshControl(sshd.settings(settings), -6000)
    try {
      await connection.facts
      await until('shells are ready', () => connection.shells.ready === 2)
      const stubborn = spawn('sh', ['-c', "trap '' TERM; echo; while :; do sleep 0.2; done"], {
        detached: true,
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      await once(stubborn.stdout, 'data')
      const sessions = () => sshd.log.split('Starting session').length - 1
      const before = sessions()
      const pgid = stubborn.pid ?? 0
      const end = { command_id: 'x', pgid, graceMs: 5000, verify: false, marked: false }
      // Given up after a second; the script goes on, and does what it was asked for.
      await expect(control.endCommand(connection, end)).rejects.toThrow('the target took longer than 1 s')
      await once(stubborn, 'exit')
      expect(stubborn.signalCode).toBe('SIGKILL')
      // The one that takes the place of the shell that was used, and no more.
      expect(sessions() - before).toBeLessThanOrEqual(1)
    } finally {
      await control.close()
      await connection.close()
    }
  })

  test('ends a command at once when it is 0', GUARD, async () => {
    await using target = await sshTarget({ settings })
    const execution = await startOn(target.executor, "trap '' TERM; echo on; while :; do sleep 0.2; done")
    await firstOutput(execution)
    execution.terminate(0)
    expect((await outcomeOf(execution)).exit.signal).toBe('SIGKILL')
    expect((await runOn(target.executor, 'echo next')).stdout.toString()).toBe('next\n')
  })
})
