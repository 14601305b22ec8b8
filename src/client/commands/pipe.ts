import { NodeSink, type NodeWritable, type Sink } from './node-sink.js'
import type { ByteSource } from './readable.js'

/** Where output is written to: a stream of Node.js, or of the web. */
export type PipeDestination = NodeWritable | WritableStream<Uint8Array>

/** What becomes of a destination. */
export interface PipeOptions {
  /**
   * Whether it is ended when all is written, and destroyed (Node.js) or aborted (web) where the output cannot be had to its
   * end; true. `process.stdout` and `process.stderr` are never ended.
   */
  end?: boolean | undefined
  /** Ends the writing as soon as it is aborted, with the signal's reason; the command goes on. None. */
  signal?: AbortSignal | undefined
}

/**
 * Writes all that comes, as fast as the destination takes it. Where that fails, the source is left at once, and its
 * own error is thrown.
 */
export async function pipe(
  { chunks, leave }: ByteSource,
  destination: PipeDestination,
  { end = true }: PipeOptions,
): Promise<void> {
  const sink = 'getWriter' in destination ? webSink(destination, end) : new NodeSink(destination, end)
  sink.onFailure = leave
  try {
    try {
      for (let chunk = await chunks.next(); !chunk.done; chunk = await chunks.next())
        await sink.write(chunk.value)
    } catch (error) {
      sink.abort(error)
      throw error
    }
    await sink.finish()
  } finally {
    leave()
    sink.release()
  }
}

function webSink(stream: WritableStream<Uint8Array>, end: boolean): Sink {
  const writer = stream.getWriter()
  let failure: { error: unknown } | undefined
  let last: Promise<void> = Promise.resolve()
  const sink: Sink = {
    async write(data) {
      last = writer.write(data)
      // What it fails with is thrown by `ready` as well, or by `finish`.
      last.catch(() => {})
      await writer.ready
    },
    async finish() {
      if (failure) throw failure.error
      await (end ? writer.close() : last)
    },
    abort: (error) => {
      if (end) writer.abort(error).catch(() => {})
    },
    onFailure: () => {},
    release: () => writer.releaseLock(),
  }
  writer.closed.catch((error) => {
    failure = { error }
    sink.onFailure()
  })
  return sink
}
