import { LRUCache } from 'lru-cache'
import type { OpenSpan, Tracing } from '../../host/tracing/otlp.js'
import type { CommandStatus } from '../../shared/commands/result.js'
import type { Events } from '../events.js'
import type { Trace, Traces } from './ports.js'

/** Spans that are open at a time; past that the oldest is ended as it is. */
const MAX_OPEN = 10_000

type OpenCommandSpan = { span: OpenSpan; requests: number }

/** One span a command, from its request to its result. */
export class CommandTraces implements Traces {
  readonly #tracing: Tracing
  /** By command, each with the number of requests that it may belong to. */
  readonly #open = new LRUCache<string, OpenCommandSpan>({
    max: MAX_OPEN,
    // Too many: it is ended as it is.
    dispose: ({ span }, _command_id, reason) => {
      if (reason === 'evict') span.end({})
    },
  })

  constructor(tracing: Tracing, events: Events) {
    this.#tracing = tracing
    events.on('command_ended', ({ command_id, status }) => this.#end(command_id, status))
  }

  begin(
    { command_id, agent_id, requested_by }: Parameters<Traces['begin']>[0],
    parent: string | undefined,
  ): Trace {
    // The same request may come twice at once: it is one command.
    const held = this.#open.get(command_id)
    if (held) return this.#join(command_id, held)
    const attributes = {
      'ogent.command_id': command_id,
      'ogent.agent_id': agent_id,
      'ogent.requested_by': requested_by,
    }
    const made = { span: this.#tracing.begin('ogent execute', 'server', attributes, parent), requests: 0 }
    this.#open.set(command_id, made)
    return this.#join(command_id, made)
  }

  /** Ends what is open as it is, and sends off what is held. */
  async close(): Promise<void> {
    for (const command_id of [...this.#open.keys()]) this.#end(command_id)
    await this.#tracing.close()
  }

  #join(command_id: string, held: OpenCommandSpan): Trace {
    held.requests += 1
    return {
      traceparent: held.span.traceparent,
      withdraw: (refusal) => {
        held.requests -= 1
        if (held.requests > 0 || this.#open.get(command_id) !== held) return
        this.#open.delete(command_id)
        // One that only follows took no part in the command: its span is left out.
        if (refusal !== undefined) held.span.end({}, refusal)
      },
    }
  }

  #end(command_id: string, status?: CommandStatus): void {
    const span = this.#open.get(command_id)?.span
    this.#open.delete(command_id)
    const failed = status !== undefined && status !== 'success'
    span?.end(status === undefined ? {} : { 'ogent.status': status }, failed ? status : undefined)
  }
}
