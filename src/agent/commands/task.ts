import { OgentError } from '../../shared/errors.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { CommandInput } from './input.js'
import type { Execution } from './ports.js'

/**
 * How far a command has come in the agent. `judging`: the agent's own policy is asked; `queued`: it waits for a place;
 * `starting`: an executor is asked for a process; `running`: there is one; `ended`: the result is in the outbox.
 */
export type TaskState = 'judging' | 'queued' | 'starting' | 'running' | 'ended'

const nextStates: Record<TaskState, readonly TaskState[]> = {
  judging: ['queued', 'starting', 'ended'],
  queued: ['starting', 'ended'],
  starting: ['running', 'ended'],
  running: ['ended'],
  ended: [],
}

/** Why a command is being ended before its own end. */
export type Stop = { status: 'timeout' | 'cancelled'; reason: string }

/** One command from its order to its result. A move to a state that does not follow throws INTERNAL. */
export class Task {
  readonly order: ExecuteOrder
  readonly #input: CommandInput | undefined
  readonly #killGraceMs: number
  readonly #aborter = new AbortController()
  #state: TaskState = 'judging'
  #stop: Stop | undefined
  #execution: Execution | undefined

  /** `input`: what has come of its standard input, where that stays open. */
  constructor(order: ExecuteOrder, killGraceMs: number, input?: CommandInput) {
    this.order = order
    this.#input = input
    this.#killGraceMs = killGraceMs
  }

  get state(): TaskState {
    return this.#state
  }

  /** The first reason for which its end was requested. */
  get stop(): Stop | undefined {
    return this.#stop
  }

  /** Aborts when its end is requested. */
  get signal(): AbortSignal {
    return this.#aborter.signal
  }

  queue(): void {
    this.#move('queued')
  }

  start(): void {
    this.#move('starting')
  }

  /** There is a process; it is ended where that was requested during the start. */
  run(execution: Execution): void {
    this.#move('running')
    this.#execution = execution
    if (execution.input) this.#input?.flowTo(execution.input)
    if (this.#stop) execution.terminate(this.#killGraceMs)
  }

  end(): void {
    this.#move('ended')
  }

  /** Requests its end. False, and without effect, where that was requested before, or it has ended. */
  requestStop(stop: Stop): boolean {
    if (this.#stop || this.#state === 'ended') return false
    this.#stop = stop
    this.#aborter.abort()
    this.#execution?.terminate(this.#killGraceMs)
    return true
  }

  /** Ends the process by force, where there is one. */
  kill(): void {
    this.#execution?.terminate(0)
  }

  #move(state: TaskState): void {
    if (!nextStates[this.#state].includes(state)) {
      const { command_id } = this.order
      throw new OgentError('INTERNAL', `The command ${command_id} is ${this.#state} and cannot be ${state}.`)
    }
    this.#state = state
  }
}
