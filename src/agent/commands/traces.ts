import type { OpenSpan, Tracing } from '../../host/tracing/otlp.js'
import type { Traces } from './ports.js'

type Spans = { run: OpenSpan; process: OpenSpan | undefined }

/** Two spans a command, under the controller's: from its order to its end, and in it the process. */
export class RunTraces implements Traces {
  readonly #tracing: Tracing
  readonly #agentId: () => string | undefined
  readonly #open = new Map<string, Spans>()

  constructor(tracing: Tracing, agentId: () => string | undefined) {
    this.#tracing = tracing
    this.#agentId = agentId
  }

  taken({ command_id, traceparent }: Parameters<Traces['taken']>[0]): void {
    const attributes = { 'ogent.command_id': command_id, 'ogent.agent_id': this.#agentId() ?? '' }
    const run = this.#tracing.begin('ogent run', 'consumer', attributes, traceparent)
    this.#open.set(command_id, { run, process: undefined })
  }

  started(command_id: string, { type, pid }: Parameters<Traces['started']>[1]): void {
    const spans = this.#open.get(command_id)
    if (!spans) return
    const attributes = {
      'ogent.command_id': command_id,
      'ogent.execution_type': type,
      ...(pid === undefined ? {} : { 'process.pid': pid }),
    }
    spans.process = this.#tracing.begin('ogent process', 'internal', attributes, spans.run.traceparent)
  }

  ended(command_id: string, { status, exit_code }: Parameters<Traces['ended']>[1]): void {
    const spans = this.#open.get(command_id)
    this.#open.delete(command_id)
    const attributes = {
      'ogent.status': status,
      ...(exit_code === null ? {} : { 'process.exit.code': exit_code }),
    }
    const failure = status === 'success' ? undefined : status
    spans?.process?.end(attributes, failure)
    spans?.run.end(attributes, failure)
  }

  close(): Promise<void> {
    return this.#tracing.close()
  }
}
