import type { CommandStatus } from '../../shared/result.js'
import type { OpenSpan, Tracing } from '../../tracing/otlp.js'
import type { Traces } from '../core/ports.js'

/** Spans that are open at a time; past that the oldest is ended as it stands. */
const MAX_OPEN = 10_000

/** One span a command, from its request to its result. */
export class CommandTraces implements Traces {
  readonly #tracing: Tracing
  readonly #open = new Map<string, OpenSpan>()

  constructor(tracing: Tracing) {
    this.#tracing = tracing
  }

  begin(
    { command_id, agent_id, requested_by }: Parameters<Traces['begin']>[0],
    parent: string | undefined,
  ): string {
    // The same request may come twice at once: it is one command.
    const held = this.#open.get(command_id)
    if (held) return held.traceparent
    const attributes = {
      'ogent.command_id': command_id,
      'ogent.agent_id': agent_id,
      'ogent.requested_by': requested_by,
    }
    const span = this.#tracing.begin('ogent execute', 'server', attributes, parent)
    this.#open.set(command_id, span)
    const [oldest] = this.#open.keys()
    if (this.#open.size > MAX_OPEN && oldest !== undefined) this.#end(oldest)
    return span.traceparent
  }

  ended(command_id: string, status: CommandStatus): void {
    this.#end(command_id, status)
  }

  /** Ends what is open as it stands, and sends off what is held. */
  async close(): Promise<void> {
    for (const command_id of [...this.#open.keys()]) this.#end(command_id)
    await this.#tracing.close()
  }

  #end(command_id: string, status?: CommandStatus): void {
    const span = this.#open.get(command_id)
    this.#open.delete(command_id)
    const failed = status !== undefined && status !== 'success'
    span?.end(status === undefined ? {} : { 'ogent.status': status }, failed ? status : undefined)
  }
}
