import type { CommandInput, CommandInputReply } from '../../shared/commands/input.js'
import { limits } from '../../shared/commands/limits.js'
import { OgentError } from '../../shared/errors.js'
import type { CallSite } from '../call-site.js'
import { toOgentError } from '../errors.js'
import { retryPause } from '../transport/retry.js'
import { GrowingBuffer } from './growing-buffer.js'

/** A piece of what a command reads that was started with `open_stdin`. */
export interface InputPiece extends Omit<CommandInput, 'data'> {
  /** The piece, as text or bytes, 256 KiB at most; nothing, which asks how far the agent is. */
  data?: string | Uint8Array | undefined
}

/** Writes to the standard input of a command that was started with `open_stdin`. One program at a time writes to a command. */
export interface StdinWriter {
  /** Whether nothing more can be written: after `end`, and where the command reads no more. */
  readonly closed: boolean
  /**
   * Writes text, as UTF-8, or bytes. Resolves when the agent has taken them: a program that waits for that is as fast as the
   * command reads. A lost connection is mended below. Rejects with COMMAND_ENDED or CLOSED where the command reads no more.
   */
  write(data: string | Uint8Array): Promise<void>
  /** Ends the input, behind a last piece where one is given. Resolves when the end was taken, or the command reads no more. */
  end(data?: string | Uint8Array): Promise<void>
  /** The same as a web stream, for `pipeTo`. Aborted, it cancels a command that `execute` started, whose run rejects with the reason. */
  readonly writable: WritableStream<Uint8Array>
}

export type SenderOptions = {
  /** Sends a piece. It is called with one at a time, and may be called with the same bytes again. */
  send: (piece: Omit<InputPiece, 'command_id'>) => Promise<CommandInputReply>
  /** Resolves when the command is known to exist, or never will: with the reason. Without it, it exists. */
  started: Promise<OgentError | undefined> | undefined
  /** Whether the input may have begun before, so that it is asked first where it is. */
  joins: boolean
  /** Called with what kept the input from being sent, where the command may still wait for it. */
  onFailure: (error: unknown) => void
  /** Where the run was made, for the errors. */
  site: Pick<CallSite, 'error'>
}

const TOO_OLD = 'The version of the controller is too old for an open standard input: update it.'

const encoder = new TextEncoder()

/**
 * Sends what a command reads, each byte once and in order: the agent counts what it has taken, and what it has not is sent
 * again, after a lost answer or to another controller too. One call is under way at a time; what is written meanwhile is the
 * next batch. It is bounded by those who write: each of them waits for its batch.
 */
export class InputSender implements StdinWriter {
  /** Called when nothing more is read, for any reason. */
  onOver: () => void = () => {}
  readonly #options: SenderOptions
  /** Cuts a pause short. */
  readonly #cut = new AbortController()
  /** Bytes of the command's input that are taken; not known at first of one that may have begun before. */
  #taken: number | undefined
  /** The next batch, and when it is taken. */
  readonly #buffer = new GrowingBuffer()
  #next: Promise<void> | undefined
  /** When all batches before it are taken, or will not be. */
  #last: Promise<unknown>
  #end: Promise<void> | undefined
  #commandEnded = false
  /** Why nothing more is sent; `quiet` where the command reads no more. */
  #over: { error: unknown; quiet: boolean } | undefined
  #writable: WritableStream<Uint8Array> | undefined

  constructor(options: SenderOptions) {
    this.#options = options
    this.#taken = options.joins ? undefined : 0
    this.#last = Promise.resolve(options.started).then((failure) => failure && this.stop(failure))
  }

  get closed(): boolean {
    return (this.#end ?? this.#over) !== undefined
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= new WritableStream({
      write: (data) => this.pass(data),
      close: () => this.end(),
      abort: (reason) => this.fail(reason),
    })
    return this.#writable
  }

  write(data: string | Uint8Array): Promise<void> {
    if (!this.#end) return this.#put(data)
    const error = new OgentError('CLOSED', 'The standard input was ended before.')
    return Promise.reject(this.#options.site.error(error))
  }

  /** Writes, and waits only where more than a piece is ahead of what is under way. */
  pass(data: string | Uint8Array): Promise<void> | undefined {
    const taken = this.write(data)
    return this.#over || this.#buffer.length > limits.input ? taken : undefined
  }

  end(data: string | Uint8Array = ''): Promise<void> {
    this.#end ??= this.#put(data).catch((error) => {
      if (!this.#over?.quiet) throw error
    })
    this.#end.catch(() => {})
    return this.#end
  }

  /** The command has ended. An answer that is on its way may still say what was taken. */
  ended(): void {
    this.#commandEnded = true
    this.#cut.abort()
    void this.#last.then(() => this.#close())
  }

  /** Sends no more. The first reason holds. */
  stop(error: unknown, quiet = false): void {
    if (this.#over) return
    this.#over = { error: this.#options.site.error(error), quiet }
    this.#cut.abort()
    this.onOver()
  }

  /** The same, where the command is not to take what it has for the whole. */
  fail(error: unknown): void {
    if (this.#over) return
    this.stop(error)
    this.#options.onFailure(error)
  }

  #close(): void {
    const code = this.#commandEnded ? 'COMMAND_ENDED' : 'CLOSED'
    this.stop(new OgentError(code, 'The command has closed its standard input.'), true)
  }

  #put(data: string | Uint8Array): Promise<void> {
    this.#buffer.append(bytesOf(data))
    if (!this.#next) {
      this.#next = this.#last.then(() => {
        this.#next = undefined
        return this.#send(this.#buffer.take(), this.#end !== undefined)
      })
      // Of a program that does not wait for a write, its failure is no end.
      this.#last = this.#next.catch(() => {})
    }
    return this.#next
  }

  /** Sends a batch until it is taken; one of nothing asks how far the agent is. */
  async #send(batch: Uint8Array, ends: boolean): Promise<void> {
    let rest = batch
    do {
      if (this.#commandEnded) this.#close()
      if (this.#over) throw this.#over.error
      // Until it is known where the input is, that is asked.
      const asks = this.#taken === undefined
      const data = rest.subarray(0, asks ? 0 : limits.input)
      const end = ends && !asks && data.length === rest.length
      let failure: OgentError | undefined
      try {
        const { taken, state } = await this.#options.send({ offset: this.#taken ?? 0, data, end })
        this.#taken ??= taken
        // An input that was sent before, by a request with the same id, may be further than this one.
        const moved = Math.max(0, Math.min(taken - this.#taken, rest.length))
        this.#taken += moved
        rest = rest.subarray(moved)
        if (state === 'ended' || state === 'closed') {
          this.#close()
          if (rest.length === 0 && (!ends || state === 'ended')) return
        } else if (moved > 0 || (data.length === 0 && !end)) continue
      } catch (cause) {
        failure = toOgentError(cause)
        const { code, retryable } = failure
        if (code === 'COMMAND_ENDED') this.ended()
        else if (code === 'NOT_FOUND') this.fail(new OgentError(code, TOO_OLD, { cause }))
        else if (!retryable) this.fail(failure)
      }
      await retryPause(this.#cut.signal, failure).catch(() => {})
    } while (rest.length > 0 || ends || this.#taken === undefined)
  }
}

function bytesOf(data: string | Uint8Array): Uint8Array {
  if (typeof data === 'string') return encoder.encode(data)
  if (data instanceof Uint8Array) return data
  throw new TypeError('Standard input takes text and bytes.')
}
