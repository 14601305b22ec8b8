import { EventEmitter, once } from 'node:events'
import { FileLedger } from '../../../src/agent/commands/ledger.js'
import { Outbox, type OutboxLimits } from '../../../src/agent/commands/outbox.js'
import type { Execution, Executor } from '../../../src/agent/commands/ports.js'
import { Runner, type RunnerOptions } from '../../../src/agent/commands/runner.js'
import { LocalExecutor } from '../../../src/agent/executors/local/executor.js'
import { limits } from '../../../src/shared/commands/limits.js'
import type { CancelOrder, ExecuteOrder, InputAnswer, Report } from '../../../src/shared/link/protocol.js'
import { temporaryFolder } from '../../support/folder.js'
import { silent } from '../../support/system.js'

/** When the orders of these tests were sent, by the controller's clock. */
export const NOW = 1_000_000

export function orderOf(command_id: string, command: string, more: Partial<ExecuteOrder> = {}): ExecuteOrder {
  return {
    type: 'execute_command_event',
    command_id,
    command,
    requester_sid: 'ann',
    execution_target: 'auto',
    timeout_seconds: 600,
    max_output_bytes: 1_000_000,
    expires_at: NOW + 60_000,
    ...more,
  }
}

function cancelOf(command_id: string, requested_by = 'ann'): CancelOrder {
  return { type: 'cancel_command_event', command_id, requested_by }
}

type Options = Partial<RunnerOptions> & { outboxLimits?: OutboxLimits }

/** A runner with a ledger on disk and real children, and all that it reports. */
export class RunnerFixture {
  readonly local = new LocalExecutor({ target: () => 'agent-1', leftBehindMs: 300 })
  readonly ledger: FileLedger
  readonly outbox: Outbox
  readonly runner: Runner
  /** To pieces of input, the last one last. */
  readonly answers: InputAnswer[] = []
  readonly #folder = temporaryFolder()
  readonly #reports: Report[] = []
  readonly #events = new EventEmitter()

  constructor({ outboxLimits, ...options }: Options = {}) {
    this.ledger = FileLedger.open(this.#folder.path)
    this.outbox = new Outbox(outboxLimits)
    this.outbox.takes(['waiting'])
    this.outbox.onReady = () => {
      this.#reports.push(...this.outbox.take(Number.POSITIVE_INFINITY))
      this.#events.emit('report')
    }
    this.runner = new Runner({
      executors: () => this.local,
      outbox: this.outbox,
      ledger: this.ledger,
      log: silent,
      maxConcurrent: 2,
      maxQueued: 1,
      killGraceMs: 1000,
      onInput: (answer) => {
        this.answers.push(answer)
        this.#events.emit('answer')
      },
      ...options,
    })
  }

  /** Gives the runner an order to execute. */
  execute(command_id: string, command: string, more?: Partial<ExecuteOrder>): void {
    this.runner.take(orderOf(command_id, command, more), NOW)
  }

  cancel(command_id: string, requested_by?: string): void {
    this.runner.take(cancelOf(command_id, requested_by), NOW)
  }

  /** Gives the runner a piece of input, and gives the answer to it; a piece without anything is a question. */
  input(command_id: string, offset = 0, data: string | Uint8Array = '', end = false): InputAnswer {
    const before = this.answers.length
    this.runner.take({ type: 'stdin_command_event', command_id, offset, data: Buffer.from(data), end }, NOW)
    const [answer] = this.answers.slice(before)
    if (!answer) throw new Error(`A piece of input for ${command_id} was not answered.`)
    return answer
  }

  /** Waits for the next answer that comes by itself. */
  async nextAnswer(): Promise<InputAnswer> {
    await once(this.#events, 'answer')
    // It was added just before the event.
    return this.answers.at(-1) as InputAnswer
  }

  /** Writes the rest of an input, with its end, as a writer does: what was not taken goes again once there is room. */
  async write(command_id: string, data: Uint8Array): Promise<InputAnswer> {
    let answer = this.input(command_id)
    while (answer.state === 'open' || answer.state === 'full') {
      const next = answer.taken + limits.input
      answer = this.input(command_id, answer.taken, data.subarray(answer.taken, next), next >= data.length)
      if (answer.state === 'full') answer = await this.nextAnswer()
    }
    return answer
  }

  reportsOf(command_id: string): Report[] {
    return this.#reports.filter((report) => report.command_id === command_id)
  }

  kindsOf(command_id: string): Report['kind'][] {
    return this.reportsOf(command_id).map(({ kind }) => kind)
  }

  /** Waits for a report of the kind. */
  async report<K extends Report['kind']>(command_id: string, kind: K): Promise<Extract<Report, { kind: K }>> {
    const isIt = (report: Report): report is Extract<Report, { kind: K }> => report.kind === kind
    for (;;) {
      const found = this.reportsOf(command_id).find(isIt)
      if (found) return found
      await once(this.#events, 'report')
    }
  }

  result(command_id: string) {
    return this.report(command_id, 'result')
  }

  /** Waits until a child has written something. */
  written(command_id: string) {
    return this.report(command_id, 'output')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.local.close()
    this.ledger.close()
    this.#folder[Symbol.dispose]()
  }
}

/** An executor without a place for the command, such as an SSH target that cannot be reached. */
export class BusyExecutor implements Executor {
  readonly type = 'ssh'
  readonly target = 'ann@target'

  start(_spec: unknown, signal: AbortSignal, onWaiting?: (reason: string) => void): Promise<Execution> {
    onWaiting?.('Waiting for a shell.')
    return once(signal, 'abort').then(() => {
      throw new Error('Given up.')
    })
  }

  async close(): Promise<void> {}
}
