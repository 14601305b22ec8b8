import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { LoginWindow } from '../../../../src/agent/executors/ssh/login-window.js'
import { createOgentClient } from '../../../../src/client/client.js'
import { killLeftovers, runOn } from '../../../suites/executor-suite.js'
import { sshTarget } from '../../../support/ssh-target.js'
import { Sshd, whyNoSshd } from '../../../support/sshd.js'
import { accounts, startSystem } from '../../../support/system.js'

const skip = whyNoSshd()
const GUARD = { timeout: 300_000 }

/** Shorter than each login here: it is the time for the connection, and for nothing behind it. */
const settings = { timeoutMs: 3000 }

const counted = (seconds: number) => `sleep ${seconds}\n`
const locked = (seconds: number) => `exec 9>>HOME/lock\nflock 9\nsleep ${seconds}\nexec 9>&-\n`

/** Ends once the test has made a file. */
const UNTIL_TOLD = 'until [ -e HOME/go ]; do sleep 0.1; done\n'

const title = 'commands behind a slow login shell'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  afterEach(killLeftovers)

  test.each([
    ['8 at once run when each login takes 4 s', 8, counted(4)],
    ['8 at once run when logins wait for a lock', 8, locked(1)],
    ['40 at once run when logins wait for a lock', 40, locked(0.5)],
  ])('%s', GUARD, async (_title, count, bashrc) => {
    await using target = await sshTarget({ settings, home: { '.bashrc': bashrc } })
    const numbers = Array.from({ length: count }, (_, n) => n)
    const all = await Promise.all(numbers.map((n) => runOn(target.executor, `echo ${n}; exit ${n}`)))
    expect(all.map(({ stdout }) => stdout.toString())).toEqual(numbers.map((n) => `${n}\n`))
    expect(all.map(({ exit }) => exit.exit_code)).toEqual(numbers)
    expect(target.executor.lastError).toBeNull()
  })

  test('report once what they wait for when it takes some seconds', GUARD, async () => {
    await using target = await sshTarget({ settings, home: { '.bashrc': UNTIL_TOLD } })
    const reasons: string[] = []
    const spec = { command_id: 'told', command: 'exit 3' }
    const execution = await target.executor.start(spec, new AbortController().signal, (reason) => {
      reasons.push(reason)
      writeFileSync(join(target.home, 'go'), '')
    })
    expect((await execution.exit).exit_code).toBe(3)
    expect(reasons).toEqual([
      `Waiting for a shell on ${target.executor.target}: its login shell has not finished its start files.`,
    ])
  })

  test('can be cancelled, and a login that never ends delays none of the later ones', GUARD, async () => {
    await using target = await sshTarget({
      settings,
      home: { '.bashrc': '[ -e HOME/quick ] || exec sleep 300\n' },
    })
    const { executor, home } = target
    const aborter = new AbortController()
    const started = Array.from({ length: 4 }, (_, n) =>
      executor.start({ command_id: `given-up-${n}`, command: 'true' }, aborter.signal, () => aborter.abort()),
    )
    const outcomes = await Promise.allSettled(started)
    expect(outcomes.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'))
    writeFileSync(join(home, 'quick'), '')
    expect((await runOn(executor, 'echo back')).stdout.toString()).toBe('back\n')
  })

  test('report the wait in an event, and their time limit applies while they wait', GUARD, async () => {
    await using sshd = await Sshd.start()
    const home = join(sshd.folder, 'home')
    writeFileSync(join(home, '.bashrc'), UNTIL_TOLD.replaceAll('HOME', home))
    await using system = await startSystem({
      agent: {
        SSH_ENABLED: true,
        SSH_HOST: '127.0.0.1',
        SSH_PORT: sshd.port,
        SSH_USERNAME: sshd.username,
        SSH_KEY_PATH: sshd.userKey,
        SSH_KNOWN_HOSTS: sshd.knownHosts,
        SSH_TIMEOUT: 3,
      },
    })
    const client = createOgentClient({ url: system.url, ...accounts.operator })
    const late = client.execute({ agent_id: 'agent-1', command: 'true', timeout_seconds: 4 })
    const patient = client.execute({ agent_id: 'agent-1', command: 'echo out', timeout_seconds: 60 })
    const states: string[] = []
    for await (const event of patient) {
      states.push(event.type === 'command_progress' ? event.state : event.type)
      if (event.type === 'command_progress' && event.state === 'waiting') {
        expect(event.reason).toContain('its login shell has not finished its start files')
        expect(await late).toMatchObject({
          status: 'timeout',
          exit_code: null,
          reason: 'The command could not be started within 4 s.',
        })
        writeFileSync(join(home, 'go'), '')
      }
    }
    expect(states).toEqual(['command_response', 'waiting', 'started', 'output', 'command_result'])
    expect(await patient).toMatchObject({ status: 'success', stdout: 'out\n' })
    await client.close()
  })
})

describe('the number of concurrent logins', () => {
  /** Logins of `seconds` each, of which the target works at `together` at a time. */
  function sizeAfter(rounds: number, seconds: number, together: number): number {
    const window = new LoginWindow()
    let now = 0
    for (let round = 0; round < rounds; round++) {
      const began = now
      for (let done = 0, count = window.size; done < count; done++) {
        now = began + seconds * 1000 * Math.ceil((done + 1) / together)
        window.took(began, now)
      }
    }
    return window.size
  }

  test('grows while they do not slow each other down', () => {
    expect(sizeAfter(6, 6, Number.POSITIVE_INFINITY)).toBeGreaterThan(16)
    expect(sizeAfter(6, 0.02, 1)).toBeGreaterThan(16)
  })

  test('shrinks to the number that a target handles in parallel', () => {
    expect(sizeAfter(20, 2, 1)).toBeLessThanOrEqual(4)
    expect(sizeAfter(20, 2, 4)).toBeLessThanOrEqual(12)
  })
})
