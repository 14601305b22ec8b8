import { expect, test } from 'vitest'
import { LocalExecutor } from '../../../../src/agent/executors/local/executor.js'
import { processTable } from '../../../../src/agent/executors/local/process-table.js'
import { LEFT_BEHIND_MS, outcomeOf, startOn } from '../../../suites/executor-suite.js'

test('a command is ended when the processes of others were listed just before it started', async () => {
  const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: LEFT_BEHIND_MS })
  for (let round = 0; round < 10; round++) {
    processTable()
    const execution = await startOn(executor, 'exec sleep 300')
    execution.terminate(0)
    expect((await outcomeOf(execution)).exit).toMatchObject({ exit_code: null })
  }
})
