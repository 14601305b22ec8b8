import { describe, expect, test } from 'vitest'
import type { Execution, Executor, Refusal } from '../../../src/agent/commands/ports.js'
import { OgentError } from '../../../src/shared/errors.js'
import { processesOf, until } from '../../support/processes.js'
import { BusyExecutor, NOW, RunnerFixture } from './runner-fixture.js'

/** A judgement on each command that the test gives when it wants to. */
function judgement() {
  const given: ((refusal?: Refusal) => void)[] = []
  const objection = () => new Promise<Refusal | undefined>((resolve) => given.push(resolve))
  return { objection, give: (refusal?: Refusal) => given.shift()?.(refusal) }
}

describe('a command that is being judged', () => {
  test('runs when there is no objection', async () => {
    const { objection, give } = judgement()
    await using fixture = new RunnerFixture({ objection })
    fixture.execute('c', 'echo hi')
    expect([fixture.reportsOf('c'), fixture.ledger.has('c')]).toEqual([[], false])
    give()
    expect((await fixture.result('c')).status).toBe('success')
  })

  test('is refused and never accepted when there is an objection', async () => {
    await using fixture = new RunnerFixture({ objection: () => ({ sentence: 'No.', risks: ['It is bad.'] }) })
    fixture.execute('c', 'echo hi')
    const { status, reason, error } = await fixture.result('c')
    expect({ status, error }).toEqual({
      status: 'refused',
      error: { code: 'COMMAND_REFUSED', risks: ['It is bad.'] },
    })
    expect(reason).toContain('No.')
    expect([fixture.kindsOf('c'), fixture.ledger.has('c')]).toEqual([['result'], false])
  })

  test('is refused when the objection comes asynchronously', async () => {
    const { objection, give } = judgement()
    await using fixture = new RunnerFixture({ objection })
    fixture.execute('c', 'echo hi')
    give({ sentence: 'No.', risks: [] })
    expect((await fixture.result('c')).status).toBe('refused')
  })

  test('never starts when it is cancelled before the judgement', async () => {
    const { objection, give } = judgement()
    await using fixture = new RunnerFixture({ objection })
    fixture.execute('c', 'echo hi')
    fixture.cancel('c')
    expect((await fixture.result('c')).status).toBe('cancelled')
    give()
    await fixture.runner.drain()
    expect([fixture.kindsOf('c'), fixture.ledger.has('c')]).toEqual([['result'], false])
  })

  test('never starts when the agent begins to stop before the judgement, for which the stop waits', async () => {
    const { objection, give } = judgement()
    await using fixture = new RunnerFixture({ objection })
    fixture.execute('c', 'echo hi')
    const drained = fixture.runner.drain()
    expect(fixture.reportsOf('c')).toEqual([])
    give()
    await drained
    expect((await fixture.result('c')).error).toEqual({ code: 'AGENT_BUSY' })
    expect(fixture.ledger.has('c')).toBe(false)
  })
})

describe('an order', () => {
  test('is not run a second time when it comes twice', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo hi')
    fixture.execute('c', 'echo hi')
    await fixture.result('c')
    fixture.execute('c', 'echo hi')
    await fixture.runner.drain()
    expect(fixture.kindsOf('c')).toEqual(['started', 'output', 'result'])
  })

  test('is reported as lost and not run when its result was already receipted', async () => {
    await using fixture = new RunnerFixture()
    fixture.ledger.accept('c')
    fixture.execute('c', 'echo hi')
    expect((await fixture.report('c', 'lost')).reason).toContain('no longer has its result')
    expect(fixture.kindsOf('c')).toEqual(['lost'])
  })

  test('is not run when it comes after its expiry', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo hi', { expires_at: NOW - 1 })
    expect((await fixture.result('c')).error).toEqual({ code: 'AGENT_OFFLINE' })
    expect(fixture.ledger.has('c')).toBe(false)
  })

  test('is run when it comes at the last moment before its expiry', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo hi', { expires_at: NOW })
    expect((await fixture.result('c')).status).toBe('success')
  })

  test('is not run when its id cannot be written to disk', async () => {
    await using fixture = new RunnerFixture()
    fixture.ledger.close()
    fixture.execute('c', 'echo hi')
    const { error, reason } = await fixture.result('c')
    expect(error).toEqual({ code: 'UNAVAILABLE' })
    expect(reason).toContain('cannot write to its state folder')
    expect(fixture.kindsOf('c')).toEqual(['result'])
  })

  test('to cancel has no effect when the command is unknown or has ended', async () => {
    await using fixture = new RunnerFixture()
    fixture.cancel('unknown')
    fixture.execute('c', 'echo hi')
    await fixture.result('c')
    fixture.cancel('c')
    await fixture.runner.drain()
    expect([fixture.reportsOf('unknown'), fixture.kindsOf('c')]).toEqual([
      [],
      ['started', 'output', 'result'],
    ])
  })
})

describe('a command that is queued', () => {
  const sleeping = 'echo on; exec sleep 600'

  test('starts when its turn comes and a place is free', async () => {
    await using fixture = new RunnerFixture({ maxConcurrent: 1, maxQueued: 2 })
    fixture.execute('first', sleeping)
    fixture.execute('second', sleeping)
    fixture.execute('third', 'echo hi')
    await fixture.written('first')
    expect(fixture.runner.counts()).toEqual({ running: 1, queued: 2 })
    expect([fixture.reportsOf('second'), fixture.ledger.has('second')]).toEqual([[], true])
    fixture.cancel('first')
    await fixture.written('second')
    expect(fixture.reportsOf('third')).toEqual([])
    fixture.cancel('second')
    expect((await fixture.result('third')).status).toBe('success')
    await fixture.runner.drain()
    expect(fixture.runner.counts()).toEqual({ running: 0, queued: 0 })
  })

  test('leaves no room for another one when the queue is full', async () => {
    await using fixture = new RunnerFixture({ maxConcurrent: 1, maxQueued: 1 })
    fixture.execute('runs', sleeping)
    fixture.execute('waits', 'echo hi')
    fixture.execute('refused', 'echo hi')
    const { error, reason } = await fixture.result('refused')
    expect([error, reason]).toEqual([
      { code: 'AGENT_BUSY' },
      'AGENT_BUSY: 1 commands run and 1 wait already.',
    ])
    expect(fixture.ledger.has('refused')).toBe(false)
    fixture.cancel('runs')
    expect((await fixture.result('waits')).status).toBe('success')
  })

  test('ends without a process when it is cancelled, and the next one starts in its place', async () => {
    await using fixture = new RunnerFixture({ maxConcurrent: 1, maxQueued: 2 })
    fixture.execute('runs', sleeping)
    fixture.execute('waits', 'echo hi')
    fixture.execute('next', 'echo hi')
    fixture.cancel('waits')
    expect(await fixture.result('waits')).toMatchObject({
      status: 'cancelled',
      stdout_bytes: 0,
      exit_code: null,
    })
    expect(fixture.runner.counts()).toEqual({ running: 1, queued: 1 })
    fixture.cancel('runs')
    expect((await fixture.result('next')).status).toBe('success')
    expect(fixture.kindsOf('waits')).toEqual(['result'])
  })
})

describe('a command that is starting', () => {
  test('is reported with the cause when it cannot start', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo hi', { cwd: '/no/such/folder' })
    const { status, reason } = await fixture.result('c')
    expect(status).toBe('error')
    expect(reason).toContain('/no/such/folder')
    expect(fixture.kindsOf('c')).toEqual(['result'])
  })

  test('is reported with the error code when the agent has no such target', async () => {
    await using fixture = new RunnerFixture({
      executors: () => {
        throw new OgentError('TARGET_UNAVAILABLE', 'There is none.')
      },
    })
    fixture.execute('c', 'echo hi', { execution_target: 'ssh' })
    expect(await fixture.result('c')).toMatchObject({
      status: 'error',
      reason: 'TARGET_UNAVAILABLE: There is none.',
      error: { code: 'TARGET_UNAVAILABLE' },
      execution_type: 'ssh',
    })
  })

  test.each([
    ['a cancel', 'cancelled', 600, 'Cancelled by ann.'],
    ['its time-out', 'timeout', 0.05, 'The command could not be started within 0.05 s.'],
  ] as const)('is aborted when %s comes while it waits', async (_what, status, timeout_seconds, reason) => {
    await using fixture = new RunnerFixture({ executors: () => new BusyExecutor() })
    fixture.execute('c', 'echo hi', { timeout_seconds })
    expect((await fixture.report('c', 'waiting')).reason).toBe('Waiting for a shell.')
    if (status === 'cancelled') fixture.cancel('c')
    expect(await fixture.result('c')).toMatchObject({ status, reason, target: 'ann@target' })
    expect(fixture.kindsOf('c')).toEqual(['waiting', 'result'])
  })

  test('is started and ended at once when the cancel comes too late to prevent the start', async () => {
    await using fixture = new RunnerFixture({ executors: () => late })
    const late: Executor = {
      type: 'local',
      target: 'agent-1',
      start: async (spec, signal) => {
        const execution = await fixture.local.start(spec)
        fixture.cancel('c')
        expect(signal.aborted).toBe(true)
        return execution
      },
      close: async () => {},
    }
    fixture.execute('c', 'exec sleep 600')
    expect(await fixture.result('c')).toMatchObject({ status: 'cancelled', signal: 'SIGTERM' })
    expect(fixture.kindsOf('c')).toEqual(['started', 'result'])
    expect(processesOf('c')).toEqual([])
  })
})

describe('a command that is running', () => {
  test('is reported with its start, its output and its end', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo out; echo err >&2; exit 3')
    expect(await fixture.result('c')).toMatchObject({
      status: 'error',
      exit_code: 3,
      signal: null,
      reason: null,
      target: 'agent-1',
      stdout_bytes: 4,
      stderr_bytes: 4,
    })
    const started = await fixture.report('c', 'started')
    expect(started).toMatchObject({ n: 1, execution_type: 'local', pid: expect.any(Number) })
    expect(fixture.ledger.has('c')).toBe(true)
  })

  test('reports how much output was not kept when it writes more than it may', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'printf 1234567890', { max_output_bytes: 4 })
    expect(await fixture.result('c')).toMatchObject({
      stdout_bytes: 10,
      reason: 'Output past 4 bytes was counted and hashed, but not kept (6 bytes).',
    })
  })

  test('reports the signal that ended it when the agent did not send that', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'kill -9 $$')
    expect(await fixture.result('c')).toMatchObject({ status: 'error', reason: 'Ended by SIGKILL.' })
  })

  test('is ended when its time limit is reached', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'exec sleep 600', { timeout_seconds: 0.2 })
    expect(await fixture.result('c')).toMatchObject({
      status: 'timeout',
      reason: 'The command ran longer than 0.2 s.',
      signal: 'SIGTERM',
    })
  })

  test('ends for the first reason when there are several', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'echo on; exec sleep 600')
    await fixture.written('c')
    fixture.cancel('c', 'ann')
    fixture.cancel('c', 'bob')
    fixture.runner.cancelAll('The agent was stopped.')
    expect((await fixture.result('c')).reason).toBe('Cancelled by ann.')
    expect(processesOf('c')).toEqual([])
  })

  test('is marked on disk for the next agent when it does not end at once', async () => {
    await using fixture = new RunnerFixture()
    fixture.execute('c', 'exec sleep 600')
    const { pid } = await fixture.report('c', 'started')
    await until('it is marked', () => fixture.ledger.unfinished()[0]?.process !== undefined)
    expect(fixture.ledger.unfinished()).toMatchObject([{ command_id: 'c', process: { pgid: pid } }])
    fixture.cancel('c')
    await fixture.result('c')
  })

  test('waits when the outbox is full, and continues when a receipt makes room', async () => {
    const outboxLimits = { perCommand: 1000, total: 10_000 }
    await using fixture = new RunnerFixture({ outboxLimits })
    fixture.execute('c', 'head -c 300000 /dev/zero')
    const outcome = fixture.result('c')
    const held = () => fixture.reportsOf('c').at(-1)
    while (fixture.outbox.commands().length > 0 && held()?.kind !== 'result') {
      await until('it is full, or has ended', () => !fixture.outbox.hasRoom('c') || held()?.kind === 'result')
      expect(fixture.outbox.bytes).toBeLessThan(1000 + 2 * 128 * 1024)
      fixture.outbox.receipt([{ command_id: 'c', stored: held()?.n ?? 0 }])
    }
    expect((await outcome).stdout_bytes).toBe(300_000)
  })

  test('ends with the cause, and frees its place, when it cannot be followed', async () => {
    const broken: Execution = {
      pid: undefined,
      // biome-ignore lint/correctness/useYield: it fails before the first chunk.
      output: (async function* () {
        throw new Error('a defect')
      })(),
      exit: new Promise(() => {}),
      terminate: (graceMs) => terminated.push(graceMs),
    }
    const terminated: number[] = []
    await using fixture = new RunnerFixture({
      maxConcurrent: 1,
      executors: (target) =>
        target === 'ssh'
          ? { type: 'ssh', target: 'a', start: async () => broken, close: async () => {} }
          : fixture.local,
    })
    fixture.execute('broken', 'echo hi', { execution_target: 'ssh' })
    fixture.execute('next', 'echo hi')
    expect(await fixture.result('broken')).toMatchObject({
      status: 'error',
      reason: 'The agent failed to follow the command: a defect.',
    })
    expect(terminated).toEqual([0])
    expect((await fixture.result('next')).status).toBe('success')
  })
})

describe('a runner that is draining', () => {
  test('is done at once when nothing runs', async () => {
    await using fixture = new RunnerFixture()
    await fixture.runner.drain()
    expect(fixture.runner.counts()).toEqual({ running: 0, queued: 0 })
  })

  test('returns what waits, and waits for what runs', async () => {
    await using fixture = new RunnerFixture({ maxConcurrent: 1 })
    fixture.execute('runs', 'echo on; exec sleep 600')
    fixture.execute('waits', 'echo hi')
    await fixture.written('runs')
    let isDone = false
    const drained = fixture.runner.drain().then(() => {
      isDone = true
    })
    expect((await fixture.result('waits')).error).toEqual({ code: 'AGENT_BUSY' })
    expect(isDone).toBe(false)
    fixture.runner.cancelAll('The agent was stopped.')
    await drained
    expect(await fixture.result('runs')).toMatchObject({
      status: 'cancelled',
      reason: 'The agent was stopped.',
    })
  })

  test('waits for what is starting', async () => {
    await using fixture = new RunnerFixture({ executors: () => new BusyExecutor() })
    fixture.execute('c', 'echo hi')
    await fixture.report('c', 'waiting')
    const drained = fixture.runner.drain()
    fixture.runner.cancelAll('The agent was stopped.')
    await drained
    expect((await fixture.result('c')).status).toBe('cancelled')
  })

  test('accepts no more orders', async () => {
    await using fixture = new RunnerFixture()
    await fixture.runner.drain()
    fixture.execute('c', 'echo hi')
    expect((await fixture.result('c')).error).toEqual({ code: 'AGENT_BUSY' })
    await fixture.runner.drain()
  })
})
