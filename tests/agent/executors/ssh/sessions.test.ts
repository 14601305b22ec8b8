import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Execution, Log } from '../../../../src/agent/commands/ports.js'
import { SshExecutor, type SshOptions } from '../../../../src/agent/executors/ssh/executor.js'
import { killLeftovers, outcomeOf, runOn, startOn } from '../../../suites/executor-suite.js'
import { processesOf, until } from '../../../support/processes.js'
import { TcpProxy } from '../../../support/proxy.js'
import {
  folderWithoutProc,
  Sshd,
  type SshdOptions,
  silent,
  whyNoSshd,
  whyNoUser,
} from '../../../support/sshd.js'

const skip = whyNoSshd()
const noUser = whyNoUser()

async function target(options: SshdOptions = {}, more: Partial<SshOptions> & { timeoutMs?: number } = {}) {
  const sshd = await Sshd.start(options)
  const settings = sshd.settings(more.timeoutMs === undefined ? {} : { timeoutMs: more.timeoutMs })
  const executor = new SshExecutor(settings, { log: silent, leftBehindMs: 300, killGraceMs: 300, ...more })
  executor.open()
  return {
    sshd,
    executor,
    [Symbol.asyncDispose]: async () => {
      await executor.close()
      await sshd[Symbol.asyncDispose]()
    },
  }
}

async function firstOutput(execution: Execution): Promise<void> {
  await execution.output[Symbol.asyncIterator]().next()
}

const title = 'commands on an SSH target'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  afterEach(killLeftovers)

  describe('whose connection is lost', () => {
    test('end as lost, and what they left running is ended at the next connection', async () => {
      await using both = await target()
      const { sshd, executor } = both
      const stranger = spawn('sleep', ['300'], {
        detached: true,
        env: { ...process.env, OGENT_COMMAND_ID: 'somebody-elses' },
      })
      const execution = await startOn(executor, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
      await firstOutput(execution)
      await sshd.kill()
      const { exit } = await outcomeOf(execution)
      expect(exit).toMatchObject({ exit_code: null, signal: null, lost: true })
      expect(exit.reason).toContain('was lost while the command ran')
      expect(executor.status).not.toBe('connected')
      expect(processesOf(execution.command_id)).not.toEqual([])
      await sshd.up()
      await until('the orphan is gone', () => processesOf(execution.command_id).length === 0)
      expect(executor.status).toBe('connected')
      expect(stranger.exitCode ?? stranger.signalCode).toBeNull()
      stranger.kill('SIGKILL')
      await once(stranger, 'exit')
    })

    test('wait until the server is back, and then run', async () => {
      await using both = await target()
      const { sshd, executor } = both
      await runOn(executor, 'true')
      await sshd.kill()
      await until('the loss is noticed', () => executor.status !== 'connected')
      const waiting = runOn(executor, 'echo back')
      await sshd.up()
      expect((await waiting).stdout.toString()).toBe('back\n')
      expect(executor.lastError).toBeNull()
    })

    test('end as unavailable when the server stays away', async () => {
      await using both = await target({}, { timeoutMs: 500 })
      const { sshd, executor } = both
      await runOn(executor, 'true')
      await sshd.kill()
      await until('the loss is noticed', () => executor.status !== 'connected')
      await expect(startOn(executor, 'true')).rejects.toMatchObject({
        code: 'TARGET_UNAVAILABLE',
        message: expect.stringContaining('Connection refused'),
      })
      expect(executor.status).toBe('unavailable')
    })
  })

  describe('whose connection stays open without an answer', () => {
    async function behindProxy(log: Log = silent) {
      const sshd = await Sshd.start()
      const proxy = await TcpProxy.start(() => sshd.port)
      const [, hostFingerprint] = execFileSync('ssh-keygen', ['-l', '-f', sshd.hostKey()])
        .toString()
        .split(' ')
      const settings = sshd.settings({ port: proxy.port, hostFingerprint, keepaliveMs: 100, timeoutMs: 1000 })
      const executor = new SshExecutor(settings, { log, leftBehindMs: 300, killGraceMs: 300 })
      executor.open()
      return {
        proxy,
        executor,
        [Symbol.asyncDispose]: async () => {
          await executor.close()
          await proxy[Symbol.asyncDispose]()
          await sshd[Symbol.asyncDispose]()
        },
      }
    }

    test('end as lost after three unanswered keep-alives, and are ended when the server is back', async () => {
      await using three = await behindProxy()
      const { proxy, executor } = three
      const execution = await startOn(executor, 'echo on; sleep 300')
      await firstOutput(execution)
      proxy.swallow()
      const { exit } = await outcomeOf(execution)
      expect(exit).toMatchObject({ exit_code: null, signal: null, lost: true })
      expect(exit.reason).toContain('the server has stopped answering')
      expect(executor.status).not.toBe('connected')
      expect(executor.lastError).toMatch(/stopped answering|unreachable/)
      expect(processesOf(execution.command_id)).not.toEqual([])
      proxy.resume()
      await until('the orphan is gone', () => processesOf(execution.command_id).length === 0)
      expect((await runOn(executor, 'echo back')).stdout.toString()).toBe('back\n')
    })

    test('end as lost when that began before their start, since it is not known whether they ran', async () => {
      await using three = await behindProxy()
      const { proxy, executor } = three
      await runOn(executor, 'true')
      // Given to a shell that is ready, the command leaves at once; it would wait for any other.
      await until('a shell is ready', () => executor.shellsReady > 0)
      proxy.swallow()
      const { exit } = await outcomeOf(await startOn(executor, 'sleep 300'))
      expect(exit).toMatchObject({ exit_code: null, lost: true })
    })

    test('continue when the server merely has nothing to send', async () => {
      await using three = await behindProxy()
      const { executor } = three
      // Many times as long as three signs of life take.
      expect((await runOn(executor, 'sleep 1; echo still')).stdout.toString()).toBe('still\n')
      expect(executor.lastError).toBeNull()
    })
  })

  const chrooted = noUser === undefined ? '' : ` (skipped: ${noUser})`
  describe.skipIf(noUser !== undefined)(`on a target without /proc${chrooted}`, () => {
    test('run, and are ended with their children', async () => {
      using folder = folderWithoutProc()
      await using both = await target({ config: [`ChrootDirectory ${folder.path}`] })
      const { executor } = both
      const there = await runOn(executor, 'echo "$X"; ls /proc; exit 7', { env: { X: "it's" } })
      expect(there.stdout.toString()).toBe("it's\n")
      expect(there.exit.exit_code).toBe(7)
      expect(executor.facts).toEqual({ platform: 'Linux', version: release() })
      const stubborn = "trap '' TERM; (trap '' TERM; sleep 300) & echo on; while :; do sleep 0.1; done"
      const execution = await startOn(executor, stubborn)
      await firstOutput(execution)
      execution.terminate(200)
      expect((await outcomeOf(execution)).exit.signal).toBe('SIGKILL')
      await until('all are gone', () => processesOf(execution.command_id).length === 0)
    })

    test('continue when the connection is lost, and the log says that they could not be found', async () => {
      using folder = folderWithoutProc()
      const warnings: string[] = []
      const log = { ...silent, warn: (_: object, text: string) => void warnings.push(text) }
      await using both = await target({ config: [`ChrootDirectory ${folder.path}`] }, { log })
      const { sshd, executor } = both
      const execution = await startOn(executor, 'echo on; sleep 300')
      await firstOutput(execution)
      await sshd.kill()
      expect((await outcomeOf(execution)).exit.lost).toBe(true)
      await sshd.up()
      await until('the log says it', () => warnings.some((text) => text.includes('has no /proc')))
      expect(processesOf(execution.command_id)).not.toEqual([])
    })
  })

  describe('in excess of what the server accepts at a time', () => {
    test.each([1, 3])('wait their turn with MaxSessions %i, and none fails', async (sessions) => {
      await using both = await target({ config: [`MaxSessions ${sessions}`] })
      const { executor } = both
      const all = await Promise.all(
        Array.from({ length: 24 }, (_, n) => runOn(executor, `echo ${n}; exit ${n}`)),
      )
      expect(all.map(({ stdout }) => stdout.toString())).toEqual(all.map((_, n) => `${n}\n`))
      expect(all.map(({ exit }) => exit.exit_code)).toEqual(all.map((_, n) => n))
    })

    test('use all sessions at once', async () => {
      await using both = await target({ config: ['MaxSessions 4'] })
      const { executor, sshd } = both
      // Each waits until four are there.
      const meet = `touch '${sshd.folder}/here-'$$; while [ $(ls '${sshd.folder}' | grep -c here-) -lt 4 ]; do sleep 0.02; done`
      const all = await Promise.all(Array.from({ length: 4 }, () => runOn(executor, meet)))
      expect(all.map(({ exit }) => exit.exit_code)).toEqual([0, 0, 0, 0])
    })

    test.each([1, 2])('can be ended while all %i sessions are in use', async (sessions) => {
      await using both = await target({ config: [`MaxSessions ${sessions}`] })
      const { executor } = both
      const held = await Promise.all(
        Array.from({ length: sessions }, () => startOn(executor, 'echo on; sleep 300')),
      )
      const next = runOn(executor, 'echo next')
      for (const execution of held) execution.terminate(5000)
      for (const execution of held) {
        expect((await outcomeOf(execution)).exit).toMatchObject({ signal: 'SIGTERM' })
        expect(processesOf(execution.command_id)).toEqual([])
      }
      expect((await next).stdout.toString()).toBe('next\n')
    })

    test('can be cancelled while they wait', async () => {
      await using both = await target({ config: ['MaxSessions 1'] })
      const { executor } = both
      const held = await startOn(executor, 'sleep 300')
      const aborter = new AbortController()
      const waiting = executor.start({ command_id: 'given-up', command: 'true' }, aborter.signal)
      aborter.abort()
      await expect(waiting).rejects.toThrow('Given up')
      held.terminate(5000)
      await outcomeOf(held)
    })

    test('are unavailable when the server opens no session at all', async () => {
      await using both = await target({ config: ['MaxSessions 0'] })
      await expect(startOn(both.executor, 'true')).rejects.toMatchObject({
        code: 'TARGET_UNAVAILABLE',
        message: expect.stringContaining('channel limit'),
      })
    })
  })

  test('run behind a login shell that prints text, and their output contains only their own', async () => {
    await using both = await target({}, {})
    const { sshd, executor } = both
    await runOn(executor, 'true')
    writeFileSync(join(sshd.folder, 'home', '.bashrc'), 'echo hello; echo warning >&2\nexport FROM_RC=yes\n')
    appendFileSync(join(sshd.folder, 'home', '.profile'), 'echo hello from the profile\n')
    // Shells that were ready before it are used up first.
    for (let n = 0; n < 4; n++) {
      const { stdout, stderr, exit } = await runOn(executor, 'echo own; echo own error >&2')
      expect(stdout.toString()).toBe('own\n')
      expect(stderr.toString()).toBe('own error\n')
      expect(exit.exit_code).toBe(0)
    }
  })

  test('are unavailable, with the words of the login shell, when that runs nothing', async () => {
    await using both = await target({ config: ['ForceCommand echo This account is closed.; exit 3'] })
    await expect(startOn(both.executor, 'true')).rejects.toMatchObject({
      code: 'TARGET_UNAVAILABLE',
      message: expect.stringContaining('(code 3) instead of running /bin/sh: This account is closed.'),
    })
  })

  test('do not get the SSH agent of the user who runs the agent', async () => {
    await using both = await target()
    const { stdout } = await runOn(both.executor, 'echo "[$SSH_AUTH_SOCK]"')
    expect(stdout.toString()).toBe('[]\n')
  })

  test('still run after the waiting shells are killed', async () => {
    await using both = await target()
    const { executor } = both
    await runOn(executor, "pkill -KILL -f '[o]gent_line' -u $(id -u) -P $(ps -o ppid= -p $$) ; true")
    for (let n = 0; n < 5; n++) expect((await runOn(executor, `echo ${n}`)).stdout.toString()).toBe(`${n}\n`)
  })

  test('end when the executor is closed', async () => {
    await using sshd = await Sshd.start()
    const executor = new SshExecutor(sshd.settings(), { log: silent })
    const execution = await startOn(executor, "trap '' TERM; echo ready; while :; do sleep 0.1; done")
    await firstOutput(execution)
    const outcome = outcomeOf(execution)
    await executor.close()
    expect((await outcome).exit.signal).toBe('SIGKILL')
    expect(processesOf(execution.command_id)).toEqual([])
    await expect(startOn(executor, 'true')).rejects.toMatchObject({ code: 'CLOSED' })
  })
})
