import type { Outbox, ResultDraft } from './outbox.js'
import { Output } from './output.js'
import type { Execution, Executor, ExecutorChoice, Ledger, Log, Traces } from './ports.js'
import {
  type End,
  resultOfProcess,
  resultWithoutProcess,
  startFailure,
  startTimeoutStop,
  timeoutStop,
} from './result.js'
import type { Task } from './task.js'

export type TaskPorts = {
  executors: ExecutorChoice
  outbox: Outbox
  ledger: Ledger
  log: Log
  /** Undefined where nothing is traced. */
  traces?: Traces | undefined
}

/** A command that runs longer, in ms, is marked on disk for a successor of this agent. */
const MARK_AFTER_MS = 50

/** Runs the command of a task in state `starting` to its end, and reports all of it. Rejects only by a defect. */
export async function runTask(task: Task, ports: TaskPorts): Promise<void> {
  const started = await start(task, ports)
  if (!started) return
  const { executor, execution, began } = started
  const { order } = task
  const { command_id } = order
  const { pid } = execution
  const { type, target } = executor
  task.run(execution)
  // A command that is over by then needs no mark; until then its environment marks it well enough.
  const mark = setTimeout(() => {
    if (pid !== undefined && type === 'local') ports.ledger.started(command_id, pid)
  }, MARK_AFTER_MS)
  const limit = setTimeout(() => task.requestStop(timeoutStop(order)), order.timeout_seconds * 1000)
  try {
    ports.outbox.started(command_id, { execution_type: type, target, pid })
    ports.traces?.started(command_id, { type, pid })
    const output = new Output(order.max_output_bytes)
    await relay(command_id, execution, output, ports.outbox)
    const exit = await execution.exit
    const duration_ms = performance.now() - began
    const result = resultOfProcess(task, { executor, exit, output, duration_ms })
    const { status, exit_code } = result
    ports.log.debug({ command_id, status, exit_code }, 'command ended')
    endTask(task, result, ports)
  } finally {
    clearTimeout(mark)
    clearTimeout(limit)
  }
}

/** Ends a task of whose command no process was seen. */
export function endWithoutProcess(task: Task, end: End, ports: EndPorts, executor?: Executor): void {
  const { command_id } = task.order
  ports.log.debug({ command_id, status: end.status }, 'command ended without a process')
  endTask(task, resultWithoutProcess(task.order, end, executor), ports)
}

type EndPorts = Pick<TaskPorts, 'outbox' | 'log' | 'traces'>

/** The result is the last report of a command. */
function endTask(task: Task, result: ResultDraft, { outbox, traces }: EndPorts): void {
  const { status, exit_code } = result
  const { command_id } = task.order
  task.end()
  traces?.ended(command_id, { status, exit_code })
  outbox.result(command_id, result)
}

type Started = { executor: Executor; execution: Execution; began: number }

/** Undefined where the command has ended without a process. */
async function start(task: Task, ports: TaskPorts): Promise<Started | undefined> {
  const { order } = task
  const began = performance.now()
  let waited = false
  let executor: Executor | undefined
  // Waiting for a place to run in has the same limit as the run, and is no part of it.
  const limit = setTimeout(() => task.requestStop(startTimeoutStop(order)), order.timeout_seconds * 1000)
  try {
    executor = ports.executors(order.execution_target)
    const execution = await executor.start(order, task.signal, (reason) => {
      waited = true
      if (!task.stop) ports.outbox.waiting(order.command_id, reason)
    })
    return { executor, execution, began: waited ? performance.now() : began }
  } catch (error) {
    endWithoutProcess(task, task.stop ?? startFailure(error), ports, executor)
    return undefined
  } finally {
    clearTimeout(limit)
  }
}

/** From the child's pipes into the outbox; where that is full, the pipes are left unread until it has room. */
async function relay(
  command_id: string,
  execution: Execution,
  output: Output,
  outbox: Outbox,
): Promise<void> {
  for await (const { stream, data } of execution.output) {
    for (const chunk of output.write(stream, data)) {
      outbox.output(command_id, chunk)
      if (!outbox.hasRoom(command_id)) await outbox.room(command_id)
    }
  }
  for (const chunk of output.flush()) outbox.output(command_id, chunk)
}
