import { sleep } from '../../shared/async/sleep.js'
import { withTimeout } from '../../shared/async/timeout.js'
import type { RawResultEvent } from '../../shared/commands/event.js'
import { toTextResult } from '../../shared/commands/event-text.js'
import type { CommandOutcome } from '../../shared/commands/outcome.js'
import { messageOf, OgentError } from '../../shared/errors.js'
import type { CallSite } from '../call-site.js'
import { Aborted, ownError, toOgentError } from '../errors.js'
import { EventLoop, type EventSource } from './event-loop.js'
import { failureOf, nameOfCommand } from './failure.js'
import { sendStream } from './input-stream.js'
import { EventStream, failing, type OpenStream, type SequencedEvent } from './resumable-stream.js'
import type { RunOptions } from './run-options.js'
import { InputSender } from './stdin.js'

/** What the run fails with, by how its command went. */
type Failure = (how: string, outcome?: CommandOutcome) => OgentError

/** A start that no caller waits for gets so long to reach the controller before its cancel gives up, in ms. */
const ON_ITS_WAY_MS = 2000
const ASK_AGAIN_MS = 50
/** How long the end of a command that was cancelled is waited for, in ms. An agent gives its processes 5 s, then none. */
const END_MS = 15_000

/**
 * The subscriptions to one command, and what is known by them: its outcome, how far it is, whether it was started. Each
 * loop has a stream of its own, but for the first, which has the one that is open anyway.
 */
export class CommandStreams {
  readonly outcome: Promise<CommandOutcome>
  /** What writes to the command, where its standard input is open. */
  readonly stdin: InputSender | undefined
  readonly #options: RunOptions
  readonly #site: CallSite
  readonly #main: EventStream
  /** When its first event has come, or it is known that none will: with the reason, where that is an error. */
  readonly #started: Promise<OgentError | undefined>
  /** Aborted with the reason for which all loops end. */
  readonly #over: AbortSignal | undefined
  #giveUp: (error: unknown) => void = () => {}
  #resolve: (outcome: CommandOutcome) => void = () => {}
  #reject: (error: unknown) => void = () => {}
  #arrived: (failure?: OgentError) => void = () => {}
  /** Whether the outcome is known, or why it will not be. */
  #settled = false
  /** Whether loops are to throw behind their last event what the outcome rejects with. */
  #unsuccessful = false
  /** What the run fails with, once its command was cancelled for a reason of this side. */
  #failure: Failure | undefined
  #claimed = false
  #wanted = false
  #watcher: EventStream | undefined
  #lastSeq: number | undefined

  /** What fails has the frames of `site`. */
  constructor(options: RunOptions, site: CallSite) {
    this.#options = options
    this.#site = site
    const { signal, starts, lease, stdin } = options
    this.outcome = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // A caller that awaits the run hears of a failure; a run that none awaits must not end the process.
    const settled = () => {
      this.#settled = true
    }
    this.outcome.then(settled, settled)
    this.#started = new Promise((resolve) => {
      this.#arrived = (failure) => resolve(failure)
    })
    this.#over = starts && (signal || stdin) ? this.#overOnGivingUp() : signal
    this.#main = this.#stream(signal?.aborted ? failing(this.#refusal(signal)) : options.main)
    this.#main.onEnd((error) => {
      this.#arrived(error)
      if (!error) return
      this.#fail(error)
      this.stdin?.stop(error)
    })
    if (lease) this.#main.discard()
    if (signal && !signal.aborted) this.#heed(signal)
    this.stdin = this.#openStdin()
  }

  /** Sequence of the last event that arrived. */
  get lastSeq(): number | undefined {
    return this.#lastSeq
  }

  /** The outcome is waited for: it is made sure that it comes, also while loops are behind. */
  want(): Promise<CommandOutcome> {
    this.#wanted = true
    this.#watchForResult()
    return this.outcome
  }

  /** A loop over all events, which a signal of its own may cut short. Its stream is opened by the first `next`. */
  loop(signal?: AbortSignal): EventLoop {
    const { starts, follow, from_seq } = this.#options
    const source: EventSource = {
      claim: () => this.#claim(),
      started: this.#started,
      open: (failure) => this.#stream(failure && starts ? failing(failure) : follow(from_seq)),
    }
    return new EventLoop(source, [this.#over, signal])
  }

  /** All events of one loop, which may be left from elsewhere. Throws at the end what cut the loop or the command short. */
  async *events(loop: EventLoop): AsyncGenerator<SequencedEvent, void> {
    try {
      for (let item = await loop.next(); item; item = await loop.next()) yield item
      if (loop.cutBy) throw loop.cutBy
      if (this.#unsuccessful && !loop.left) await this.outcome
    } catch (error) {
      throw this.#site.error(error)
    } finally {
      loop.leave()
    }
  }

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

  detach(): void {
    this.#settled = true
    // A start that is on its way has to arrive, or nothing would go on.
    if (this.#options.starts) void this.#started.then(() => this.#main.stop())
    else this.#main.stop()
    this.#watcher?.stop()
    this.#fail(new OgentError('CLOSED', `No longer listening to command ${this.#options.command_id}.`))
  }

  /** Ends what `execute` started, and waits for that in a bound; of what was there before, ends the listening. */
  async dispose(): Promise<void> {
    if (this.#settled) return
    if (!this.#options.starts) return this.detach()
    try {
      await this.cancel()
    } catch (cause) {
      const { code } = toOgentError(cause)
      // Its start has failed, or the client was closed, by which commands go on.
      if (this.#settled || code === 'CLOSED') return
      if (code !== 'COMMAND_ENDED') throw this.#site.error(cause)
    }
    const ended = Promise.allSettled([this.want()]).then(() => {})
    await withTimeout(ended, END_MS, () => this.detach())
  }

  #stream(open: OpenStream): EventStream {
    return new EventStream({
      open,
      renewToken: this.#options.renewToken,
      firstContactMs: this.#options.firstContactMs,
      onArrival: (item) => this.#hear(item),
      goesOn: this.#lastSeq !== undefined,
    })
  }

  #hear({ seq, event }: SequencedEvent): void {
    this.#arrived()
    this.#lastSeq = Math.max(this.#lastSeq ?? 0, seq)
    if (event.type !== 'command_result') return this.#afterArrival()
    this.stdin?.ended()
    this.#settle(this.#outcomeOf(event))
  }

  #settle(outcome: CommandOutcome): void {
    const failure = this.#failure
      ? this.#failure('was cancelled by its signal.', outcome)
      : this.#options.throwOnError && outcome.status !== 'success' && failureOf(outcome)
    if (!failure) return this.#resolve(outcome)
    this.#unsuccessful = true
    this.#fail(failure)
  }

  #fail(error: OgentError): void {
    this.#reject(this.#site.error(error))
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

  #claim(): EventStream | undefined {
    if (this.#claimed || this.#main.discarding) return undefined
    this.#claimed = true
    return this.#main
  }

  #outcomeOf(event: RawResultEvent): CommandOutcome {
    const result = toTextResult(event.result, this.#options.encoding)
    const { command_id, agent_id, status } = event
    return { ...result, command_id, agent_id, status, encoding: this.#options.encoding }
  }

  #heed(signal: AbortSignal): void {
    const onAbort = () => {
      if (this.#options.starts) void this.#cancelFor(this.#cancelled(signal.reason))
      else this.#end(new Aborted(signal.reason))
    }
    const release = () => signal.removeEventListener('abort', onAbort)
    signal.addEventListener('abort', onAbort, { once: true })
    this.outcome.then(release, release)
  }

  /** As execa does: the command is cancelled, and its end waited for, in a bound; then the run fails. */
  async #cancelFor(failure: Failure): Promise<void> {
    this.#failure ??= failure
    this.#unsuccessful = true
    const ended = this.cancel()
      .catch((error) => {
        if (toOgentError(error).code !== 'COMMAND_ENDED') throw error
      })
      .then(() => this.want())
      .then(() => '', messageOf)
    const why = await withTimeout(ended, END_MS, () => `It did not end within ${END_MS / 1000} s.`)
    if (!this.#settled) this.#end(failure(`was cancelled by its signal, and may still run. ${why}`))
  }

  #openStdin(): InputSender | undefined {
    const { stdin, starts } = this.#options
    if (!stdin) return undefined
    const { send, stream } = stdin
    const sender = new InputSender({
      send,
      started: starts ? this.#started : undefined,
      joins: !starts,
      site: this.#site,
      onFailure: (error) => {
        // An error of the caller's own, such as that of a stream, is seen as it is.
        const failure = error instanceof OgentError ? error : new Aborted(error)
        if (starts) void this.#cancelFor(() => failure)
      },
    })
    if (stream) void sendStream(stream, sender)
    return sender
  }

  /** Ends the run and all its loops. */
  #end(error: OgentError): void {
    this.#fail(error)
    this.stdin?.stop(error)
    this.#watcher?.stop()
    this.#main.stop(error)
    this.#giveUp(this.#site.error(error))
  }

  #overOnGivingUp(): AbortSignal {
    const over = new AbortController()
    this.#giveUp = (error) => over.abort(error)
    return over.signal
  }

  #refusal({ reason }: AbortSignal): OgentError {
    if (!this.#options.starts) return new Aborted(reason)
    return this.#cancelled(reason)('was not started, since its signal was aborted.')
  }

  #cancelled(cause: unknown): Failure {
    return (how, outcome) => {
      const { command = outcome?.command ?? '', agent_id = outcome?.agent_id } = this.#options
      const sentence = `${nameOfCommand(command, agent_id)} ${how}`
      return new OgentError('CANCELLED', sentence, { cause, outcome })
    }
  }
}
