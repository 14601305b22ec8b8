import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { HOLD_FILE, Hold } from '../../../src/agent/commands/hold.js'
import { temporaryFolder } from '../../support/folder.js'
import { until } from '../../support/processes.js'
import { silent } from '../../support/system.js'
import { NOW, orderOf, RunnerFixture } from './runner-fixture.js'

/** A hold before a runner with real children. */
function fixtureWithHold({ maxHeld = 10 } = {}) {
  const fixture = new RunnerFixture()
  const folder = temporaryFolder()
  const hold = new Hold({
    runner: fixture.runner,
    outbox: fixture.outbox,
    ledger: fixture.ledger,
    log: silent,
    unsettled: () => fixture.outbox.commands().length,
    onInput: (answer) => void fixture.answers.push(answer),
    folder: folder.path,
    maxHeld,
  })
  const file = join(folder.path, HOLD_FILE)
  return {
    fixture,
    hold,
    execute: (id: string, command = 'echo hi', expires_at = NOW + 60_000) =>
      hold.take(orderOf(id, command, { expires_at }), NOW),
    executeOpen: (id: string, command: string) => hold.take(orderOf(id, command, { open_stdin: true }), NOW),
    input: (command_id: string, data: string) =>
      hold.take(
        { type: 'stdin_command_event', command_id, offset: 0, data: Buffer.from(data), end: true },
        NOW,
      ),
    cancel: (id: string) =>
      hold.take({ type: 'cancel_command_event', command_id: id, requested_by: 'ann' }, NOW),
    /** What it says of itself. */
    state: () => (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined),
    async [Symbol.asyncDispose]() {
      hold.close()
      await fixture[Symbol.asyncDispose]()
      folder[Symbol.dispose]()
    },
  }
}

const HOUR = 3_600_000

test('a command is run at once while there is no hold, and one that runs goes on in a hold', async () => {
  await using held = fixtureWithHold()
  held.execute('runs', 'sleep 0.3; echo whole')
  expect(held.state()).toBeUndefined()
  held.hold.begin(HOUR)
  expect(held.state()).toEqual({ pid: process.pid, open: 1, held: 0 })
  const { status, exit_code } = await held.fixture.result('runs')
  expect([status, exit_code]).toEqual(['success', 0])
})

test('a new command is neither started nor reported in a hold, however often it comes', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(HOUR)
  held.execute('new')
  held.execute('new')
  await until('it is counted', () => held.state()?.held === 1)
  expect(held.state()).toEqual({ pid: process.pid, open: 0, held: 1 })
  expect([held.fixture.outbox.commands(), held.fixture.ledger.has('new')]).toEqual([[], false])
})

test('what was held is run once the hold is over, which says nothing of itself any more', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(300)
  held.execute('new', 'echo late')
  expect((await held.fixture.result('new')).status).toBe('success')
  expect(held.state()).toBeUndefined()
  held.execute('next')
  expect((await held.fixture.result('next')).status).toBe('success')
})

test('an order of a command that runs already is for the runner, in a hold as well', async () => {
  await using held = fixtureWithHold()
  held.execute('runs', 'sleep 60')
  await held.fixture.report('runs', 'started')
  held.hold.begin(HOUR)
  held.execute('runs', 'sleep 60')
  held.cancel('runs')
  expect((await held.fixture.result('runs')).status).toBe('cancelled')
  expect(held.fixture.kindsOf('runs')).toEqual(['started', 'result'])
})

test('a held command that is cancelled ends so, and never starts', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(300)
  held.execute('new')
  held.cancel('new')
  expect(await held.fixture.result('new')).toMatchObject({ status: 'cancelled', reason: 'Cancelled by ann.' })
  await until('the hold is over', () => held.state() === undefined)
  expect(held.fixture.kindsOf('new')).toEqual(['result'])
})

test('a held command ends as an error when its time to be started is over', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(HOUR)
  held.execute('short', 'echo hi', NOW + 100)
  expect(await held.fixture.result('short')).toMatchObject({
    status: 'error',
    error: { code: 'AGENT_BUSY' },
    reason: expect.stringContaining('was not started'),
  })
})

test('only so many commands are held, and one more ends as an error', async () => {
  await using held = fixtureWithHold({ maxHeld: 2 })
  held.hold.begin(HOUR)
  for (const id of ['one', 'two', 'two', 'three']) held.execute(id)
  expect(await held.fixture.result('three')).toMatchObject({ status: 'error', error: { code: 'AGENT_BUSY' } })
  await until('two are held', () => held.state()?.held === 2)
})

test('a hold that is begun again lasts from then on', async () => {
  await using held = fixtureWithHold()
  held.execute('clock', 'sleep 1')
  held.hold.begin(100)
  held.hold.begin(HOUR)
  held.execute('new')
  await held.fixture.result('clock')
  expect([held.fixture.kindsOf('new'), held.state()?.held]).toEqual([[], 1])
  held.hold.begin(100)
  expect((await held.fixture.result('new')).status).toBe('success')
})

test('nothing of the input of a held command is taken, until the command is', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(300)
  held.executeOpen('new', 'cat')
  held.input('new', 'hi')
  held.executeOpen('new', 'cat')
  expect(held.fixture.answers).toEqual([{ command_id: 'new', taken: 0, state: 'full' }])
  await until('the hold is over', () => held.state() === undefined)
  expect(held.fixture.answers.at(-1)).toEqual({ command_id: 'new', taken: 0, state: 'open' })
  held.input('new', 'hi')
  expect(await held.fixture.result('new')).toMatchObject({ status: 'success', stdout_bytes: 2 })
})

test('the input of a held command is closed when that is cancelled, or was not to be open', async () => {
  await using held = fixtureWithHold()
  held.hold.begin(HOUR)
  held.executeOpen('open', 'cat')
  held.execute('shut', 'cat')
  for (const id of ['open', 'shut']) held.input(id, 'hi')
  held.cancel('open')
  expect(held.fixture.answers).toEqual([
    { command_id: 'open', taken: 0, state: 'full' },
    { command_id: 'shut', taken: 0, state: 'closed' },
    { command_id: 'open', taken: 0, state: 'closed' },
  ])
})
