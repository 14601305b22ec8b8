import {
  type CommandEvent,
  decodeBytes,
  isOutput,
  type RawCommandEvent,
  type StreamName,
  toTextEvent,
} from '../../shared/commands/event.js'
import type { CommandOutcome } from '../../shared/commands/outcome.js'
import { OgentError } from '../../shared/errors.js'
import { asyncDispose } from '../dispose.js'
import { CommandStreams, type RunOptions } from './command-streams.js'
import type { SequencedEvent } from './resumable-stream.js'

export type { CommandOutcome }

/** A chunk of output as bytes, with its place in its stream. */
export interface OutputChunk {
  /** To which of its streams the process wrote it. */
  stream: StreamName
  /** What it wrote, cut anywhere. */
  data: Uint8Array
  /** Bytes of this stream before this chunk. */
  offset: number
}

/**
 * A command under way. Await it for its outcome, loop over it for its events, or over `stdout`, `stderr` or
 * `output` for what it writes; each loop begins at the beginning. A lost socket is mended below.
 */
export class CommandRun implements PromiseLike<CommandOutcome>, AsyncIterable<CommandEvent>, AsyncDisposable {
  /** The id of the command: enough to `attach` to it elsewhere. */
  readonly command_id: string
  readonly #encoding: RunOptions['encoding']
  readonly #streams: CommandStreams

  /** @internal Made by `execute` and `commands.attach`. */
  constructor(options: RunOptions) {
    this.command_id = options.command_id
    this.#encoding = options.encoding
    this.#streams = new CommandStreams(options)
  }

  /** Sequence of the last event that arrived: `attach` with `from_seq: last_seq + 1` goes on after it. */
  get last_seq(): number | undefined {
    return this.#streams.lastSeq
  }

  /** stdout as text, in the encoding of the request. */
  get stdout(): AsyncIterable<string> {
    return this.#text('stdout')
  }

  /** stderr as text, in the encoding of the request. */
  get stderr(): AsyncIterable<string> {
    return this.#text('stderr')
  }

  /** Both streams as bytes, in the order in which the agent read them. */
  get output(): AsyncIterable<OutputChunk> {
    const items = () => this.#items()
    return {
      async *[Symbol.asyncIterator]() {
        for await (const { event } of items()) {
          if (isOutput(event)) yield { stream: event.stream, data: event.data, offset: event.offset }
        }
      },
    }
  }

  /** The events with their output still as bytes. */
  get raw(): AsyncIterable<RawCommandEvent> {
    const items = () => this.#items()
    return {
      async *[Symbol.asyncIterator]() {
        for await (const { event } of items()) yield event
      },
    }
  }

  /** The events with their output as text, in the encoding of the request. */
  async *[Symbol.asyncIterator](): AsyncGenerator<CommandEvent, void> {
    for await (const { event } of this.#items()) yield toTextEvent(event, this.#encoding)
  }

  /** Waits for the outcome; rejects with what kept the command from being followed to its end. */
  // biome-ignore lint/suspicious/noThenProperty: a run is awaited for its outcome, as the contract has it.
  then<A = CommandOutcome, B = never>(
    onFulfilled?: ((outcome: CommandOutcome) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#streams.want().then(onFulfilled, onRejected)
  }

  /**
   * Asks for the command's end; its outcome tells when that has come. A start that is under way is waited for: once
   * this has resolved, the command does not run on. Throws COMMAND_ENDED, and what the start throws where it fails.
   */
  cancel(): Promise<void> {
    return this.#streams.cancel()
  }

  /** Stops listening; the command goes on, unless it was started with `on_disconnect: 'cancel'`. */
  detach(): void {
    this.#streams.detach()
  }

  /**
   * At the end of an `await using`: a command that `execute` started and that has not ended is cancelled, and its end
   * waited for, 15 s at most; of one that was attached to, the listening ends. Nothing is done after `detach`, and
   * where the client is closed. Throws what the cancel throws.
   */
  [asyncDispose](): Promise<void> {
    return this.#streams.dispose()
  }

  #items(): AsyncGenerator<SequencedEvent, void> {
    return this.#streams.events(this.#streams.loop())
  }

  async *#text(stream: StreamName): AsyncGenerator<string, void> {
    for await (const { event } of this.#items()) {
      if (isOutput(event) && event.stream === stream) yield decodeBytes(event.data, this.#encoding)
    }
  }
}

/** Throws COMMAND_FAILED unless the command succeeded, for those who want an exception. */
export function assertOk(outcome: CommandOutcome): void {
  if (outcome.status === 'success') return
  const how =
    outcome.exit_code === null ? (outcome.reason ?? outcome.signal) : `exit code ${outcome.exit_code}`
  const said = outcome.stderr.trim().split('\n').at(-1)
  const sentence = `The command ended as ${outcome.status} (${how})${said ? `: ${said}` : '.'}`
  throw new OgentError('COMMAND_FAILED', sentence)
}
