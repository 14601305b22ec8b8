import { refusalError, refusalReason } from '../../shared/commands/refusal.js'
import type { CommandStatus, ResultError } from '../../shared/commands/result.js'
import { type ErrorCode, messageOf, OgentError } from '../../shared/errors.js'
import type { CancelOrder, ExecuteOrder, Order } from '../../shared/link/protocol.js'
import type { Outbox } from './outbox.js'
import { Output } from './output.js'
import type {
  Execution,
  Executor,
  ExecutorChoice,
  Exit,
  Ledger,
  Log,
  Objection,
  Refusal,
  Traces,
} from './ports.js'

export type RunnerOptions = {
  executors: ExecutorChoice
  outbox: Outbox
  ledger: Ledger
  log: Log
  maxConcurrent: number
  /** Orders that may wait behind those; one more ends at once as an error. */
  maxQueued: number
  killGraceMs: number
  /** Asked before anything is started, where this agent has a last word of its own. */
  objection?: Objection | undefined
  /** Undefined where nobody looks. */
  traces?: Traces | undefined
}

/** A command that runs longer, in ms, is marked on disk for a successor of this agent. */
const MARK_AFTER_MS = 50

/** Why a command is being ended before its own end. The first reason wins. */
type Stop = { status: 'timeout' | 'cancelled'; reason: string }

/** How a command ends of which no process was seen. */
type End = { status: CommandStatus; reason: string; error?: ResultError }

type Task = {
  order: ExecuteOrder
  stop: Stop | undefined
  aborter: AbortController
  execution: Execution | undefined
  /** False while the agent's own word on it is still to come. */
  judged: boolean
}

/** Runs orders, each at most once, so many at a time, and writes what happens into the outbox. */
export class Runner {
  readonly #options: RunnerOptions
  readonly #tasks = new Map<string, Task>()
  readonly #queue: Task[] = []
  #running = 0
  #draining = false
  #idle: (() => void)[] = []

  constructor(options: RunnerOptions) {
    this.#options = options
  }

  /** Takes an order of the controller; `controllerNow` is the controller's clock, in ms since 1970. */
  take(order: Order, controllerNow: number): void {
    switch (order.type) {
      case 'execute_command_event':
        return this.#execute(order, controllerNow)
      case 'cancel_command_event':
        return this.#cancel(order)
      default:
        return order satisfies never
    }
  }

  /** Starts nothing more; what waits is given back as an error. Resolves when nothing runs any more. */
  async drain(): Promise<void> {
    this.#draining = true
    for (const task of this.#queue.splice(0))
      this.#giveUp(task.order, 'AGENT_BUSY', 'The agent is shutting down.')
    if (this.#tasks.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** What has been taken and has not ended. */
  standing(): { running: number; queued: number } {
    return { running: this.#running, queued: this.#queue.length }
  }

  /** Ends everything that still runs, as cancelled, with this reason. */
  cancelAll(reason: string): void {
    for (const task of this.#tasks.values()) this.#stop(task, { status: 'cancelled', reason })
  }

  #execute(order: ExecuteOrder, controllerNow: number): void {
    const { ledger, outbox, log } = this.#options
    const { command_id } = order
    if (outbox.has(command_id)) return
    outbox.open(command_id)
    if (ledger.has(command_id)) {
      log.warn({ command_id }, 'order seen before, not run again')
      outbox.lost(command_id, 'This agent has taken the command before and no longer has its result.')
      return
    }
    this.#options.traces?.taken(order)
    log.debug({ command_id }, 'order taken')
    if (this.#draining) return this.#giveUp(order, 'AGENT_BUSY', 'The agent is shutting down.')
    if (order.expires_at < controllerNow) {
      return this.#giveUp(order, 'AGENT_OFFLINE', 'The order reached the agent too late and was not run.')
    }
    const task: Task = {
      order,
      stop: undefined,
      aborter: new AbortController(),
      execution: undefined,
      judged: false,
    }
    // From here on it can be cancelled, and a stop waits for it.
    this.#tasks.set(command_id, task)
    const refusal = this.#options.objection?.(order)
    if (refusal instanceof Promise) void refusal.then((given) => this.#admit(task, given))
    else this.#admit(task, refusal)
  }

  /** Starts a command, or lets it wait for its turn, unless the agent has something against it. */
  #admit(task: Task, refusal: Refusal | undefined): void {
    const { ledger, log, maxConcurrent, maxQueued } = this.#options
    const { order } = task
    const { command_id } = order
    task.judged = true
    // It was cancelled while it was being judged, and has its result.
    if (task.stop) return
    if (refusal) {
      log.warn({ command_id }, 'a command was refused')
      this.#end(order, { status: 'refused', reason: refusalReason(refusal), error: refusalError(refusal) })
      return this.#forget(task)
    }
    if (this.#draining) return this.#giveUp(order, 'AGENT_BUSY', 'The agent is shutting down.')
    const waits = this.#running >= maxConcurrent
    if (waits && this.#queue.length >= maxQueued) {
      return this.#giveUp(order, 'AGENT_BUSY', `${maxConcurrent} commands run and ${maxQueued} wait already.`)
    }
    try {
      ledger.accept(command_id)
    } catch (error) {
      return this.#giveUp(
        order,
        'UNAVAILABLE',
        `The agent cannot write to its state folder: ${messageOf(error)}.`,
      )
    }
    if (waits) this.#queue.push(task)
    else void this.#run(task)
  }

  #cancel(order: CancelOrder): void {
    const task = this.#tasks.get(order.command_id)
    if (task) this.#stop(task, { status: 'cancelled', reason: `Cancelled by ${order.requested_by}.` })
  }

  #stop(task: Task, stop: Stop): void {
    if (task.stop) return
    task.stop = stop
    task.aborter.abort()
    task.execution?.terminate(this.#options.killGraceMs)
    const waiting = this.#queue.indexOf(task)
    if (waiting < 0 && task.judged) return
    if (waiting >= 0) this.#queue.splice(waiting, 1)
    this.#end(task.order, stop)
    this.#forget(task)
  }

  async #run(task: Task): Promise<void> {
    this.#running += 1
    try {
      await this.#runTask(task)
    } catch (error) {
      // Only a defect of ours comes here; the command still gets an end that says so.
      this.#options.log.error(
        { command_id: task.order.command_id, err: error },
        'a command could not be followed',
      )
      task.execution?.terminate(0)
      this.#end(task.order, {
        status: 'error',
        reason: `The agent failed to follow the command: ${messageOf(error)}.`,
      })
    } finally {
      this.#running -= 1
      this.#forget(task)
      const next = this.#queue.shift()
      if (next) void this.#run(next)
    }
  }

  async #runTask(task: Task): Promise<void> {
    const { order } = task
    const { outbox, ledger, killGraceMs } = this.#options
    let began = performance.now()
    const output = new Output(order.max_output_bytes)
    let executor: Executor | undefined
    let execution: Execution
    let waited = false
    const limitMs = order.timeout_seconds * 1000
    // Waiting for a place to run in has the same limit as the run, and is no part of it.
    let timer = setTimeout(() => this.#stop(task, startTimeoutStop(order)), limitMs)
    try {
      executor = this.#options.executors(order.execution_target)
      execution = await executor.start(order, task.aborter.signal, (reason) => {
        waited = true
        if (!task.stop) outbox.waiting(order.command_id, reason)
      })
      if (waited) began = performance.now()
    } catch (error) {
      clearTimeout(timer)
      if (task.stop) return this.#end(order, task.stop, executor)
      return this.#end(order, startFailure(error), executor)
    }
    task.execution = execution
    const { pid } = execution
    // A command that is over by then needs no mark; until then its environment marks it well enough.
    const mark = setTimeout(() => {
      if (pid !== undefined && executor?.type === 'local') ledger.started(order.command_id, pid)
    }, MARK_AFTER_MS)
    outbox.started(order.command_id, {
      execution_type: executor.type,
      target: executor.target,
      pid,
    })
    this.#options.traces?.started(order.command_id, { type: executor.type, pid })
    // A cancel may have come while the process was being started.
    if (task.stop) execution.terminate(killGraceMs)
    clearTimeout(timer)
    timer = setTimeout(() => this.#stop(task, timeoutStop(order)), limitMs)
    try {
      await this.#relay(order.command_id, execution, output)
      const exit = await execution.exit
      const duration_ms = performance.now() - began
      this.#finish(task, executor, exit, output, duration_ms)
    } finally {
      clearTimeout(timer)
      clearTimeout(mark)
    }
  }

  async #relay(command_id: string, execution: Execution, output: Output): Promise<void> {
    const { outbox } = this.#options
    for await (const { stream, data } of execution.output) {
      for (const chunk of output.write(stream, data)) {
        outbox.output(command_id, chunk)
        if (!outbox.hasRoom(command_id)) await outbox.room(command_id)
      }
    }
    for (const chunk of output.flush()) outbox.output(command_id, chunk)
  }

  #finish(task: Task, executor: Executor, exit: Exit, output: Output, duration_ms: number): void {
    const stdout = output.totals('stdout')
    const stderr = output.totals('stderr')
    const status = statusOf(task.stop, exit)
    const { command_id } = task.order
    this.#options.log.debug({ command_id, status, exit_code: exit.exit_code }, 'command ended')
    this.#options.traces?.ended(command_id, { status, exit_code: exit.exit_code })
    this.#options.outbox.result(command_id, {
      status,
      execution_type: executor.type,
      target: executor.target,
      exit_code: exit.exit_code,
      signal: exit.signal,
      reason: reasonOf(task, exit, output),
      duration_ms: Math.round(duration_ms * 1000) / 1000,
      stdout_bytes: stdout.bytes,
      stderr_bytes: stderr.bytes,
      stdout_sha256: stdout.sha256,
      stderr_sha256: stderr.sha256,
    })
  }

  #giveUp(order: ExecuteOrder, code: ErrorCode, sentence: string): void {
    this.#end(order, failure(code, sentence))
    const task = this.#tasks.get(order.command_id)
    if (task) this.#forget(task)
  }

  /** The result of a command of which no process was seen. */
  #end(order: ExecuteOrder, { status, reason, error }: End, executor?: Executor): void {
    const nothing = new Output(0)
    const { bytes, sha256 } = nothing.totals('stdout')
    this.#options.traces?.ended(order.command_id, { status, exit_code: null })
    this.#options.log.debug({ command_id: order.command_id, status }, 'command ended without a process')
    this.#options.outbox.result(order.command_id, {
      status,
      execution_type: executor?.type ?? (order.execution_target === 'ssh' ? 'ssh' : 'local'),
      target: executor?.target ?? '',
      exit_code: null,
      signal: null,
      reason,
      ...(error ? { error } : {}),
      duration_ms: 0,
      stdout_bytes: bytes,
      stderr_bytes: bytes,
      stdout_sha256: sha256,
      stderr_sha256: sha256,
    })
  }

  #forget(task: Task): void {
    this.#tasks.delete(task.order.command_id)
    if (this.#tasks.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}

function timeoutStop(order: ExecuteOrder): Stop {
  return { status: 'timeout', reason: `The command ran longer than ${order.timeout_seconds} s.` }
}

function startTimeoutStop(order: ExecuteOrder): Stop {
  return { status: 'timeout', reason: `The command could not be started within ${order.timeout_seconds} s.` }
}

function statusOf(stop: Stop | undefined, exit: Exit): CommandStatus {
  if (exit.lost) return 'lost'
  if (stop) return stop.status
  return exit.exit_code === 0 ? 'success' : 'error'
}

function reasonOf(task: Task, exit: Exit, output: Output): string | null {
  const dropped =
    output.dropped > 0
      ? `Output past ${task.order.max_output_bytes} bytes was counted and hashed, but not kept (${output.dropped} bytes).`
      : null
  const killed = !task.stop && exit.signal ? `Ended by ${exit.signal}.` : null
  const all = [task.stop?.reason, exit.reason, killed, dropped].filter((part) => part != null)
  return all.length > 0 ? all.join(' ') : null
}

function startFailure(error: unknown): End {
  if (!(error instanceof OgentError)) return { status: 'error', reason: messageOf(error) }
  return failure(error.code, error.message)
}

function failure(code: ErrorCode, sentence: string): End {
  return { status: 'error', reason: `${code}: ${sentence}`, error: { code } }
}
