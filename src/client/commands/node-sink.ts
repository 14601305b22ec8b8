/** What is needed of a stream of Node.js to write to it. Every `Writable` has it. */
export interface NodeWritable {
  /** Takes bytes; false: more are to wait for `drain`. The callback is called when they are written, or with an error. */
  write(chunk: Uint8Array, callback?: (error?: Error | null) => void): boolean
  /** Ends it; the callback is called when all is written. */
  end(callback?: () => void): unknown
  /** Listens to `drain`, `error` and `close`. */
  on(event: string, listener: (error?: Error) => void): unknown
  /** Ends the listening. */
  removeListener(event: string, listener: (error?: Error) => void): unknown
  /** Ends it at once, in an error; not every stream can. */
  destroy?(error?: Error): unknown
}

/** A destination of either kind. */
export type Sink = {
  /** Resolves when it takes more. Rejects with what it failed with. */
  write(data: Uint8Array): Promise<void>
  /** Resolves when all is written. Rejects with what it failed with. */
  finish(): Promise<void>
  /** The output cannot be had to its end. */
  abort(error: unknown): void
  /** Called at its failure, also while it waits for output. */
  onFailure: () => void
  release(): void
}

export class NodeSink implements Sink {
  onFailure: () => void = () => {}
  readonly #stream: NodeWritable
  readonly #end: boolean
  readonly #listeners: [event: string, listener: (error?: Error) => void][]
  #failure: { error: unknown } | undefined
  #unwritten = 0
  #full = false
  /** Whether it was ended, and has written all: it may be closed then. */
  #finished = false
  #wake: () => void = () => {}

  constructor(stream: NodeWritable, end: boolean) {
    this.#stream = stream
    this.#end = end && !isStandardOutput(stream)
    const closed = () => this.#fail(new Error('The destination was closed before all was written.'))
    const drained = () => {
      this.#full = false
      this.#wake()
    }
    this.#listeners = [
      ['error', (error) => this.#fail(error)],
      ['close', closed],
      ['drain', drained],
    ]
    for (const [event, listener] of this.#listeners) stream.on(event, listener)
    if ('destroyed' in stream && stream.destroyed === true) closed()
  }

  async write(data: Uint8Array): Promise<void> {
    if (this.#failure) throw this.#failure.error
    this.#unwritten += 1
    this.#full = !this.#stream.write(data, (error) => {
      this.#unwritten -= 1
      if (error) this.#fail(error)
      else this.#wake()
    })
    await this.#until(() => !this.#full)
  }

  async finish(): Promise<void> {
    await this.#until(() => this.#unwritten === 0)
    if (!this.#end) return
    this.#stream.end((error?: Error | null) => {
      if (error) return this.#fail(error)
      this.#finished = true
      this.#wake()
    })
    await this.#until(() => this.#finished)
  }

  abort(error: unknown): void {
    if (this.#failure || !this.#end) return
    // It fails with this error, which is thrown here: without a listener it would end the process.
    this.#stream.on('error', () => {})
    this.#stream.destroy?.(error instanceof Error ? error : new Error(String(error)))
  }

  release(): void {
    for (const [event, listener] of this.#listeners) this.#stream.removeListener(event, listener)
  }

  #fail(error: unknown): void {
    if (this.#finished) return
    this.#failure ??= { error }
    this.#wake()
    this.onFailure()
  }

  async #until(holds: () => boolean): Promise<void> {
    while (!this.#failure && !holds()) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    if (this.#failure) throw this.#failure.error
  }
}

/** Whether it is `process.stdout` or `process.stderr`, which belong to the whole program. */
function isStandardOutput(stream: NodeWritable): boolean {
  return 'fd' in stream && (stream.fd === 1 || stream.fd === 2)
}
