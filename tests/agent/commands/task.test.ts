import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Execution } from '../../../src/agent/commands/ports.js'
import { type Stop, Task, type TaskState } from '../../../src/agent/commands/task.js'
import { LocalExecutor } from '../../../src/agent/executors/local/executor.js'
import { outcomeOf, startOn } from '../../suites/executor-suite.js'
import { orderOf } from './runner-fixture.js'

const executor = new LocalExecutor({ target: () => 'here', leftBehindMs: 300 })
let sleeping: Execution
beforeAll(async () => {
  sleeping = await startOn(executor, 'sleep 600')
})
afterAll(() => executor.close())

const cancelled: Stop = { status: 'cancelled', reason: 'Cancelled by ann.' }
const timedOut: Stop = { status: 'timeout', reason: 'Too long.' }

const moves: Record<Exclude<TaskState, 'judging'>, (task: Task) => void> = {
  queued: (task) => task.queue(),
  starting: (task) => task.start(),
  running: (task) => task.run(sleeping),
  ended: (task) => task.end(),
}

/** How a task comes into each state. */
const ways: Record<TaskState, (keyof typeof moves)[]> = {
  judging: [],
  queued: ['queued'],
  starting: ['queued', 'starting'],
  running: ['starting', 'running'],
  ended: ['starting', 'running', 'ended'],
}

/** The states that follow each. */
const following: Record<TaskState, TaskState[]> = {
  judging: ['queued', 'starting', 'ended'],
  queued: ['starting', 'ended'],
  starting: ['running', 'ended'],
  running: ['ended'],
  ended: [],
}

function taskIn(state: TaskState): Task {
  const task = new Task(orderOf('c', 'sleep 600'), 300)
  for (const move of ways[state]) moves[move](task)
  return task
}

const states = Object.keys(ways) as TaskState[]
const targets = Object.keys(moves) as (keyof typeof moves)[]
const pairs = states.flatMap((from) => targets.map((to) => ({ from, to })))

describe('a task', () => {
  test('is judging at first', () => {
    expect(taskIn('judging').state).toBe('judging')
  })

  test.each(pairs.filter(({ from, to }) => following[from].includes(to)))(
    'is $to when it moves there from $from',
    ({ from, to }) => {
      const task = taskIn(from)
      moves[to](task)
      expect(task.state).toBe(to)
    },
  )

  test.each(pairs.filter(({ from, to }) => !following[from].includes(to)))(
    'stays $from and throws when it is moved to $to',
    ({ from, to }) => {
      const task = taskIn(from)
      expect(() => moves[to](task)).toThrow(`The command c is ${from} and cannot be ${to}.`)
      expect(task.state).toBe(from)
    },
  )

  test.each<TaskState>(['judging', 'queued', 'starting'])(
    'keeps the first of two stops and aborts its signal when it is %s',
    (state) => {
      const task = taskIn(state)
      expect(task.requestStop(cancelled)).toBe(true)
      expect(task.requestStop(timedOut)).toBe(false)
      expect([task.stop, task.signal.aborted, task.state]).toEqual([cancelled, true, state])
    },
  )

  test('accepts no stop when it has ended', () => {
    const task = taskIn('ended')
    expect(task.requestStop(cancelled)).toBe(false)
    expect([task.stop, task.signal.aborted]).toEqual([undefined, false])
  })

  test('ends its process when a stop comes while it is running', async () => {
    const execution = await startOn(executor, 'sleep 600')
    const task = taskIn('starting')
    task.run(execution)
    task.requestStop(cancelled)
    expect((await outcomeOf(execution)).exit.signal).toBe('SIGTERM')
  })

  test('ends its process at once when a stop came while it was starting', async () => {
    const execution = await startOn(executor, 'sleep 600')
    const task = taskIn('starting')
    task.requestStop(cancelled)
    task.run(execution)
    expect((await outcomeOf(execution)).exit.signal).toBe('SIGTERM')
  })

  test('ends its process by force when it is killed', async () => {
    const execution = await startOn(executor, "trap '' TERM; echo on; while :; do sleep 0.1; done")
    const task = taskIn('starting')
    task.run(execution)
    task.kill()
    expect((await outcomeOf(execution)).exit.signal).toBe('SIGKILL')
  })

  test('kills nothing when there is no process yet', () => {
    const task = taskIn('starting')
    task.kill()
    expect(task.state).toBe('starting')
  })
})
