import { describe, expect, test } from 'vitest'
import { SshExecutor } from '../../../../src/agent/executors/ssh/executor.js'
import { LEFT_BEHIND_MS } from '../../../suites/executor-suite.js'
import { processesOf, until } from '../../../support/processes.js'
import { sshTarget } from '../../../support/ssh-target.js'
import { Sshd, silent, whyNoSshd } from '../../../support/sshd.js'
import { RunnerFixture } from '../../commands/runner-fixture.js'
import { inputSuite } from '../input-suite.js'

const skip = whyNoSshd()

inputSuite(
  'an SSH target',
  async () => {
    const sshd = await Sshd.start()
    const executor = new SshExecutor(sshd.settings(), { log: silent, leftBehindMs: LEFT_BEHIND_MS })
    executor.open()
    return {
      executor,
      [Symbol.asyncDispose]: async () => {
        await executor.close()
        await sshd[Symbol.asyncDispose]()
      },
    }
  },
  skip,
)

const title = 'the open standard input of a command whose SSH connection is lost'
describe.skipIf(skip !== undefined)(skip === undefined ? title : `${title} (skipped: ${skip})`, () => {
  test('is closed, and a writer that waits is answered', async () => {
    await using target = await sshTarget()
    await using fixture = new RunnerFixture({ executors: () => target.executor })
    fixture.execute('c', 'echo on; exec sleep 600', { open_stdin: true })
    await fixture.written('c')
    const written = fixture.write('c', Buffer.alloc(8 * 1024 * 1024, 'x'))
    await target.sshd.kill()
    expect((await written).state).toBe('closed')
    expect((await fixture.result('c')).status).toBe('lost')
    await target.sshd.up()
    await until('none is left', () => processesOf('c').length === 0)
  })
})
