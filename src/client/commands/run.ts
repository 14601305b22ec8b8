import { sleep } from '../../shared/async/sleep.js'
import {
  type CommandEvent,
  decodeBytes,
  isOutput,
  type RawCommandEvent,
  type RawResultEvent,
  type StreamName,
  toTextEvent,
  toTextResult,
} from '../../shared/commands/event.js'
import type { Encoding } from '../../shared/commands/request.js'
import type { CommandResult, CommandStatus } from '../../shared/commands/result.js'
import { OgentError } from '../../shared/errors.js'
import { ownError, toOgentError } from '../errors.js'
import { EventStream, type OpenStream, type SequencedEvent } from './resumable-stream.js'

/** How a command ended. A non-zero exit code is an answer, not an exception. */
export interface CommandOutcome extends CommandResult {
  /** The id of the command. */
  command_id: string
  /** How it ended: `success` is exit code 0 and nothing else. */
  status: CommandStatus
}

/** A chunk of output as bytes, with its place in its stream. */
export interface OutputChunk {
  /** To which of its streams the process wrote it. */
  stream: StreamName
  /** What it wrote, cut anywhere. */
  data: Uint8Array
  /** Bytes of this stream before this chunk. */
  offset: number
}

export type RunOptions = {
  command_id: string
  encoding: Encoding
  /** The subscription that the run lives on. */
  main: OpenStream
  /** A further look at the same command, from a sequence on. */
  follow: (from_seq: number) => OpenStream
  from_seq: number
  /** Whether `main` starts the command; else it is one that is there. */
  starts: boolean
  /** Whether `main` must stay open to the end: it is the lease of an `on_disconnect: 'cancel'`. */
  lease: boolean
  cancel: () => Promise<void>
  renewToken: () => boolean
  firstContactMs: number
}

/** A start that no caller waits for gets so long to reach the controller before its cancel gives up, in ms. */
const ON_ITS_WAY_MS = 2000
const ASK_AGAIN_MS = 50

/**
 * A command under way. Await it for its outcome, loop over it for its events, or over `stdout`, `stderr` or
 * `output` for what it writes; each loop begins at the beginning. A lost socket is mended below.
 */
export class CommandRun implements PromiseLike<CommandOutcome>, AsyncIterable<CommandEvent> {
  /** The id of the command: enough to `attach` to it elsewhere. */
  readonly command_id: string
  readonly #options: RunOptions
  readonly #outcome: Promise<CommandOutcome>
  readonly #main: EventStream
  /** When its first event has come, or it is known that none will: with the reason, where that is an error. */
  readonly #started: Promise<OgentError | undefined>
  #resolve: (outcome: CommandOutcome) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #arrived: (failure?: OgentError) => void = () => {}
  #claimed = false
  #wanted = false
  #watcher: EventStream | undefined
  #lastSeq: number | undefined

  /** @internal Made by `execute` and `commands.attach`. */
  constructor(options: RunOptions) {
    this.command_id = options.command_id
    this.#options = options
    this.#outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A caller that awaits the run hears of a failure; a run that none awaits must not end the process.
    this.#outcome.catch(() => {})
    this.#started = new Promise((resolve) => {
      this.#arrived = (failure) => resolve(failure)
    })
    this.#main = this.#stream(options.main)
    this.#main.onEnd((error) => {
      this.#arrived(error)
      if (error) this.#reject(ownError(error))
    })
    if (options.lease) this.#main.discard()
  }

  /** Sequence of the last event that arrived: `attach` with `from_seq: last_seq + 1` goes on after it. */
  get last_seq(): number | undefined {
    return this.#lastSeq
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
    for await (const { event } of this.#items()) yield toTextEvent(event, this.#options.encoding)
  }

  /** Waits for the outcome; rejects with what kept the command from being followed to its end. */
  // biome-ignore lint/suspicious/noThenProperty: a run is awaited for its outcome, as the contract has it.
  then<A = CommandOutcome, B = never>(
    onFulfilled?: ((outcome: CommandOutcome) => A | PromiseLike<A>) | null,
    onRejected?: ((error: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    this.#wanted = true
    this.#watchForResult()
    return this.#outcome.then(onFulfilled, onRejected)
  }

  /**
   * Asks for the command's end; its outcome tells when that has come. A start that is under way is waited for: once
   * this has resolved, the command does not run on. Throws COMMAND_ENDED, and what the start throws where it fails.
   */
  async cancel(): Promise<void> {
    const { starts, cancel } = this.#options
    if (!starts) return cancel()
    const failure = await this.#started
    // Without an answer to it, by a lost connection or by `detach`, the start may reach the controller after this.
    const unanswered = failure ? failure.code === 'CONNECTION_LOST' : this.#lastSeq === undefined
    const deadline = performance.now() + (unanswered ? ON_ITS_WAY_MS : 0)
    while (true) {
      try {
        // Where the start was refused too: it may have been a second one, after a first that got through.
        return await cancel()
      } catch (cause) {
        if (failure && !unanswered) throw ownError(failure)
        const error = toOgentError(cause)
        if (error.code !== 'COMMAND_NOT_FOUND' || performance.now() >= deadline) throw error
      }
      await sleep(ASK_AGAIN_MS)
    }
  }

  /** Stops listening; the command goes on, unless it was started with `on_disconnect: 'cancel'`. */
  detach(): void {
    // A start that is on its way has to arrive, or nothing would go on.
    if (this.#options.starts) void this.#started.then(() => this.#main.stop())
    else this.#main.stop()
    this.#watcher?.stop()
    this.#reject(new OgentError('CLOSED', `No longer listening to command ${this.command_id}.`))
  }

  #stream(open: OpenStream): EventStream {
    return new EventStream({
      open,
      renewToken: this.#options.renewToken,
      firstContactMs: this.#options.firstContactMs,
      onArrival: (item) => this.#hear(item),
    })
  }

  #hear({ seq, event }: SequencedEvent): void {
    this.#arrived()
    this.#lastSeq = Math.max(this.#lastSeq ?? 0, seq)
    if (event.type === 'command_result') this.#resolve(this.#outcomeOf(event))
    else this.#afterArrival()
  }

  /** What has no reader is not kept for one, once it is much: a later reader begins with a look of its own. */
  #afterArrival(): void {
    queueMicrotask(() => {
      if (!this.#main.resting) return
      if (!this.#claimed) this.#main.discard()
      else this.#watchForResult()
    })
  }

  /** While the reader of the main stream is behind, another subscription has to wait for the result. */
  #watchForResult(): void {
    if (!this.#wanted || !this.#claimed || !this.#main.resting || this.#watcher) return
    this.#watcher = this.#stream(this.#options.follow((this.#lastSeq ?? 0) + 1))
    this.#watcher.discard()
    this.#watcher.onEnd(() => {
      this.#watcher = undefined
    })
  }

  async *#items(): AsyncGenerator<SequencedEvent, void> {
    const own = this.#claim()
    const stream = own ?? (await this.#freshStream())
    try {
      for (let item = await stream.next(); item; item = await stream.next()) yield item
    } finally {
      // The main stream goes on for the outcome; any other was for this loop alone.
      if (own) own.discard()
      else stream.stop()
    }
  }

  #claim(): EventStream | undefined {
    if (this.#claimed || this.#main.discarding) return undefined
    this.#claimed = true
    return this.#main
  }

  async #freshStream(): Promise<EventStream> {
    // The command exists only once its first event has come.
    await this.#started
    return this.#stream(this.#options.follow(this.#options.from_seq))
  }

  async *#text(stream: StreamName): AsyncGenerator<string, void> {
    for await (const { event } of this.#items()) {
      if (isOutput(event) && event.stream === stream) yield decodeBytes(event.data, this.#options.encoding)
    }
  }

  #outcomeOf(event: RawResultEvent): CommandOutcome {
    const result = toTextResult(event.result, this.#options.encoding)
    return { ...result, command_id: event.command_id, status: event.status }
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
