import { expect, test } from 'vitest'
import { FileLedger } from '../../../src/agent/commands/ledger.js'
import { Outbox } from '../../../src/agent/commands/outbox.js'
import type { Refusal } from '../../../src/agent/commands/ports.js'
import { Runner } from '../../../src/agent/commands/runner.js'
import type { ExecuteOrder } from '../../../src/shared/link/protocol.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

/** A runner whose own word on a command comes when the test gives it. */
function runnerIn(path: string) {
  const ledger = FileLedger.open(path)
  const outbox = new Outbox()
  const started: string[] = []
  let give: (refusal: Refusal | undefined) => void = () => {}
  const runner = new Runner({
    executors: () => {
      started.push('a command')
      throw new Error('nothing is to be started here')
    },
    outbox,
    ledger,
    log: silent,
    maxConcurrent: 1,
    maxQueued: 1,
    killGraceMs: 100,
    objection: () =>
      new Promise((resolve) => {
        give = resolve
      }),
  })
  return { runner, ledger, started, give: (refusal?: Refusal) => give(refusal) }
}

// Only what a runner reads of an order.
const order = {
  type: 'execute_command_event',
  command_id: 'c-1',
  command: 'ls',
  execution_target: 'auto',
  expires_at: Number.MAX_SAFE_INTEGER,
  timeout_seconds: 60,
  max_output_bytes: 1000,
} as unknown as ExecuteOrder

test('a command that is cancelled while the agent judges it never starts', async () => {
  using folder = temporaryFolder()
  const { runner, ledger, started, give } = runnerIn(folder.path)
  runner.take(order, 0)
  // The same order once more is no second command.
  runner.take(order, 0)
  runner.take({ type: 'cancel_command_event', command_id: 'c-1', requested_by: 'ann' } as never, 0)
  give()
  await runner.drain()
  expect(started).toEqual([])
  expect(ledger.has('c-1')).toBe(false)
  ledger.close()
})

test('a stop waits for the verdict on a command, and starts nothing after it', async () => {
  using folder = temporaryFolder()
  const { runner, ledger, started, give } = runnerIn(folder.path)
  runner.take(order, 0)
  const drained = runner.drain()
  give()
  await drained
  expect(started).toEqual([])
  ledger.close()
})

test('a command that the agent refuses after a while never starts', async () => {
  using folder = temporaryFolder()
  const { runner, ledger, started, give } = runnerIn(folder.path)
  runner.take(order, 0)
  give({ sentence: 'No.', risks: [] })
  await runner.drain()
  expect(started).toEqual([])
  ledger.close()
})
