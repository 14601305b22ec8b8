import { refusalError, refusalReason } from '../../shared/commands/refusal.js'
import { messageOf } from '../../shared/errors.js'
import type { CancelOrder, ExecuteOrder, InputAnswer, Order } from '../../shared/link/protocol.js'
import { Inputs } from './inputs.js'
import type { Objection, Refusal } from './ports.js'
import { type End, failure } from './result.js'
import { endWithoutProcess, runTask, type TaskPorts } from './run-task.js'
import { type Stop, Task } from './task.js'

export type RunnerOptions = TaskPorts & {
  maxConcurrent: number
  /** Orders that may wait behind those; one more ends at once as an error. */
  maxQueued: number
  killGraceMs: number
  /** Asked before anything is started, where this agent has a last word of its own. */
  objection?: Objection | undefined
  /** Called with the answer to each piece of input, and again by itself where a command that was `full` has room. */
  onInput?: ((answer: InputAnswer) => void) | undefined
}

const SHUTTING_DOWN = failure('AGENT_BUSY', 'The agent is shutting down.')
const TOO_LATE = failure('AGENT_OFFLINE', 'The order reached the agent too late and was not run.')

/** Runs orders, each at most once, so many at a time, and writes what happens into the outbox. */
export class Runner {
  readonly #options: RunnerOptions
  /** What has not ended, by command id. */
  readonly #tasks = new Map<string, Task>()
  /** Those in state `queued`, in the order of their turns. */
  readonly #queue: Task[] = []
  readonly #inputs: Inputs
  /** How many are `starting` or `running`. */
  #running = 0
  #draining = false
  #idle: (() => void)[] = []

  constructor(options: RunnerOptions) {
    this.#options = options
    this.#inputs = new Inputs((answer) => options.onInput?.(answer))
  }

  /** Takes an order of the controller; `controllerNow` is the controller's clock, in ms since 1970. */
  take(order: Order, controllerNow: number): void {
    switch (order.type) {
      case 'execute_command_event':
        return this.#execute(order, controllerNow)
      case 'cancel_command_event':
        return this.#cancel(order)
      case 'stdin_command_event':
        return this.#inputs.take(order)
      default:
        return order satisfies never
    }
  }

  /** Ends a command that this agent does not take, with this end. */
  reject(order: ExecuteOrder, end: End): void {
    this.#options.outbox.open(order.command_id)
    this.#end(new Task(order, this.#options.killGraceMs), end)
  }

  /** Starts nothing more; what waits is given back as an error. Resolves when nothing runs any more. */
  async drain(): Promise<void> {
    this.#draining = true
    for (const task of this.#queue.splice(0)) this.#end(task, SHUTTING_DOWN)
    if (this.#tasks.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  /** What has been taken and has not ended. */
  counts(): { running: number; queued: number } {
    return { running: this.#running, queued: this.#queue.length }
  }

  /** Ends everything that still runs, as cancelled, with this reason. */
  cancelAll(reason: string): void {
    for (const task of this.#tasks.values()) this.#stop(task, { status: 'cancelled', reason })
  }

  #execute(order: ExecuteOrder, controllerNow: number): void {
    const { ledger, outbox, log, traces, objection, killGraceMs } = this.#options
    const { command_id } = order
    if (outbox.has(command_id)) return
    outbox.open(command_id)
    if (ledger.has(command_id)) {
      log.warn({ command_id }, 'order seen before, not run again')
      outbox.lost(command_id, 'This agent has taken the command before and no longer has its result.')
      return
    }
    traces?.taken(order)
    log.debug({ command_id }, 'order taken')
    const task = new Task(order, killGraceMs, order.open_stdin ? this.#inputs.open(command_id) : undefined)
    // From here on it can be cancelled and takes input, and a stop waits for it.
    this.#tasks.set(command_id, task)
    if (this.#draining) return this.#end(task, SHUTTING_DOWN)
    if (order.expires_at < controllerNow) return this.#end(task, TOO_LATE)
    const refusal = objection?.(order)
    if (refusal instanceof Promise) void refusal.then((given) => this.#admit(task, given))
    else this.#admit(task, refusal)
  }

  /** Starts a command, or lets it wait for its turn, unless the agent has something against it. */
  #admit(task: Task, refusal: Refusal | undefined): void {
    // It was cancelled while it was being judged.
    if (task.state === 'ended') return
    const obstacle = refusal ? this.#refused(task, refusal) : this.#obstacle(task)
    if (obstacle) return this.#end(task, obstacle)
    if (this.#running < this.#options.maxConcurrent) return void this.#run(task)
    task.queue()
    this.#queue.push(task)
  }

  #refused({ order: { command_id } }: Task, refusal: Refusal): End {
    this.#options.log.warn({ command_id }, 'a command was refused')
    return { status: 'refused', reason: refusalReason(refusal), error: refusalError(refusal) }
  }

  /** Why a command cannot be taken; where it can, its id is on disk afterwards. */
  #obstacle({ order: { command_id } }: Task): End | undefined {
    const { ledger, maxConcurrent, maxQueued } = this.#options
    if (this.#draining) return SHUTTING_DOWN
    if (this.#running >= maxConcurrent && this.#queue.length >= maxQueued) {
      return failure('AGENT_BUSY', `${maxConcurrent} commands run and ${maxQueued} wait already.`)
    }
    try {
      ledger.accept(command_id)
    } catch (error) {
      return failure('UNAVAILABLE', `The agent cannot write to its state folder: ${messageOf(error)}.`)
    }
    return undefined
  }

  #cancel(order: CancelOrder): void {
    const task = this.#tasks.get(order.command_id)
    if (task) this.#stop(task, { status: 'cancelled', reason: `Cancelled by ${order.requested_by}.` })
  }

  #stop(task: Task, stop: Stop): void {
    if (!task.requestStop(stop)) return
    // What starts or runs ends by itself now.
    if (task.state !== 'judging' && task.state !== 'queued') return
    const waiting = this.#queue.indexOf(task)
    if (waiting >= 0) this.#queue.splice(waiting, 1)
    this.#end(task, stop)
  }

  async #run(task: Task): Promise<void> {
    this.#running += 1
    try {
      task.start()
      await runTask(task, this.#options)
    } catch (error) {
      this.#defect(task, error)
    } finally {
      this.#running -= 1
      this.#forget(task)
      const next = this.#queue.shift()
      if (next) void this.#run(next)
    }
  }

  /** The command still gets an end that says so. */
  #defect(task: Task, error: unknown): void {
    const { command_id } = task.order
    this.#options.log.error({ command_id, err: error }, 'a command could not be followed')
    task.kill()
    if (task.state === 'ended') return
    const reason = `The agent failed to follow the command: ${messageOf(error)}.`
    this.#end(task, { status: 'error', reason })
  }

  /** The result of a command of which no process was seen. */
  #end(task: Task, end: End): void {
    endWithoutProcess(task, end, this.#options)
    this.#forget(task)
  }

  #forget({ order: { command_id } }: Task): void {
    this.#inputs.close(command_id)
    this.#tasks.delete(command_id)
    if (this.#tasks.size > 0) return
    for (const resolve of this.#idle.splice(0)) resolve()
  }
}
