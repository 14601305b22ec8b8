import type { CommandEvent, RawCommandEvent, StreamName } from '../../shared/commands/event.js'
import { decodeBytes, isOutput, toTextEvent } from '../../shared/commands/event-text.js'
import type { CommandOutcome } from '../../shared/commands/outcome.js'
import { OgentError } from '../../shared/errors.js'
import { orAborted } from '../abort.js'
import { CallSite } from '../call-site.js'
import { asyncDispose } from '../dispose.js'
import type { CallOptions } from '../options.js'
import { CommandStreams } from './command-streams.js'
import type { EventLoop } from './event-loop.js'
import { linesOf } from './lines.js'
import {
  type CollectOptions,
  collectBytes,
  collectText,
  type LineOptions,
  type OutputChunk,
  type OutputLine,
} from './output.js'
import { type PipeDestination, type PipeOptions, pipe } from './pipe.js'
import { type ByteSource, readableOf } from './readable.js'
import type { SequencedEvent } from './resumable-stream.js'
import type { RunOptions } from './run-options.js'
import type { StdinWriter } from './stdin.js'

export type { CommandOutcome }

/**
 * A command under way. Await it for its outcome, loop over it for its events, or over `stdout`, `stderr`, `output` or
 * `lines()` for what it writes; each loop begins at the beginning. A lost socket is mended below.
 */
export class CommandRun implements Promise<CommandOutcome>, AsyncIterable<CommandEvent>, AsyncDisposable {
  /** The id of the command: enough to `attach` to it elsewhere. */
  readonly command_id: string
  readonly #encoding: RunOptions['encoding']
  /** Whether its standard input is this program's to write. */
  readonly #writes: boolean
  readonly #streams: CommandStreams

  /** @internal Made by `execute` and `commands.attach`. */
  constructor(options: RunOptions) {
    this.command_id = options.command_id
    this.#encoding = options.encoding
    this.#writes = options.stdin !== undefined && !options.stdin.stream
    const { agent_id, command_id } = options
    this.#streams = new CommandStreams(options, new CallSite(CommandRun, { agent_id, command_id }))
  }

  /** Sequence of the last event that arrived: `attach` with `from_seq: last_seq + 1` goes on after it. */
  get last_seq(): number | undefined {
    return this.#streams.lastSeq
  }

  /**
   * Writes to its standard input, for a request with `open_stdin` and no stream, and for an attached command: as the account
   * that started it. Throws BAD_REQUEST where its input is not open to that.
   */
  get stdin(): StdinWriter {
    const { stdin } = this.#streams
    if (stdin && this.#writes) return stdin
    throw new OgentError('BAD_REQUEST', 'run.stdin takes a request with open_stdin: true and no stream.')
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
    return this.#output()
  }

  /**
   * stdout as a web stream of bytes, each time from the beginning. It takes from the controller what is read of it, and
   * no more; its cancel ends the reading, and the command goes on.
   */
  get readable(): ReadableStream<Uint8Array> {
    return readableOf(() => this.#bytes('stdout', this.#streams.loop()))
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

  /** Lines of both streams, or of one, each when it has ended: whole, however the output is cut on its way. */
  lines(options: LineOptions = {}): AsyncIterable<OutputLine> {
    return linesOf(this.#output(options.signal), options)
  }

  /** All of stdout as text (UTF-8), once the command has ended. Rejects with PAYLOAD_TOO_LARGE above 100 MiB: see `maxBytes`. */
  async text(options: CollectOptions = {}): Promise<string> {
    return collectText(this.#chunks(options), options)
  }

  /** All of stdout as bytes, once the command has ended. Rejects with PAYLOAD_TOO_LARGE above 100 MiB: see `maxBytes`. */
  async bytes(options: CollectOptions = {}): Promise<Uint8Array> {
    return collectBytes(this.#chunks(options), options)
  }

  /**
   * Writes stdout to a stream of Node.js or of the web, as fast as that takes it, and ends it; resolves when all is
   * written. An error of the destination ends the writing, and is thrown as it is; the command goes on.
   */
  async pipeTo(destination: PipeDestination, options: PipeOptions = {}): Promise<void> {
    await pipe(this.#bytes('stdout', this.#streams.loop(options.signal)), destination, options)
  }

  /** Waits for the outcome; rejects with what kept the command from being followed to its end. */
  // biome-ignore lint/suspicious/noThenProperty: a run is awaited for its outcome, as the contract has it.
  then<A = CommandOutcome, B = never>(
    onFulfilled?: ((outcome: CommandOutcome) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#streams.want().then(onFulfilled, onRejected)
  }

  /** Is called with what kept the command from being followed to its end. */
  catch<B = never>(
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<CommandOutcome | B> {
    return this.then(undefined, onRejected)
  }

  /** Is called when the outcome is there, or will not be. */
  finally(onFinally?: (() => void) | null): Promise<CommandOutcome> {
    return this.#streams.want().finally(onFinally)
  }

  /** How it is shown by `Object.prototype.toString`. */
  get [Symbol.toStringTag](): string {
    return 'CommandRun'
  }

  /**
   * Asks for the command's end; its outcome tells when that has come. A start that is under way is waited for: once
   * this has resolved, the command does not run on. Throws COMMAND_ENDED, and what the start throws where it fails.
   */
  async cancel(options: CallOptions = {}): Promise<void> {
    const { signal } = options
    const site = new CallSite(this.cancel, { command_id: this.command_id })
    try {
      const cancelled = this.#streams.cancel()
      await (signal ? orAborted(cancelled, signal) : cancelled)
    } catch (error) {
      throw site.error(error)
    }
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

  #items(loop: EventLoop = this.#streams.loop()): AsyncGenerator<SequencedEvent, void> {
    return this.#streams.events(loop)
  }

  /** A loop of its own each time. */
  #output(signal?: AbortSignal): AsyncIterable<OutputChunk> {
    const items = () => this.#items(this.#streams.loop(signal))
    return {
      async *[Symbol.asyncIterator]() {
        for await (const { event } of items()) {
          if (isOutput(event)) yield { stream: event.stream, data: event.data, offset: event.offset }
        }
      },
    }
  }

  #chunks({ stream = 'stdout', signal }: CollectOptions): AsyncGenerator<Uint8Array, void> {
    return this.#bytes(stream, this.#streams.loop(signal)).chunks
  }

  /** The chunks of one stream. */
  #bytes(stream: StreamName, loop: EventLoop): ByteSource & { chunks: AsyncGenerator<Uint8Array, void> } {
    const items = this.#items(loop)
    const chunks = async function* () {
      for await (const { event } of items) if (isOutput(event) && event.stream === stream) yield event.data
    }
    return { chunks: chunks(), leave: () => loop.leave() }
  }

  async *#text(stream: StreamName): AsyncGenerator<string, void> {
    for await (const { event } of this.#items()) {
      if (isOutput(event) && event.stream === stream) yield decodeBytes(event.data, this.#encoding)
    }
  }
}
