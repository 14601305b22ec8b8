import { SshExecutor } from '../../../../src/agent/executors/ssh/executor.js'
import { executorSuite, LEFT_BEHIND_MS } from '../../../suites/executor-suite.js'
import { Sshd, silent, whyNoSshd } from '../../../support/sshd.js'

executorSuite(
  'the ssh executor',
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
  whyNoSshd(),
)
