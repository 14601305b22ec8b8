import type { InputSender } from './stdin.js'

/** A stream of what a command reads: any async iterable of text or bytes, so a `Readable` of Node.js too, or a web stream. */
export type InputStream = AsyncIterable<string | Uint8Array> | ReadableStream<string | Uint8Array>

export function isInputStream(value: unknown): value is InputStream {
  return (
    typeof value === 'object' && value !== null && ('getReader' in value || Symbol.asyncIterator in value)
  )
}

/**
 * Sends a stream to its end, and reads no further ahead of the agent than a piece. Where the command reads no more, the
 * stream is left, as a program in a pipe is ended; an error of the stream is no end of it.
 */
export async function sendStream(stream: InputStream, sender: InputSender): Promise<void> {
  try {
    const source = sourceOf(stream)
    sender.onOver = () => source.leave()
    // Of a controller that knows no input, that is known before the stream has anything.
    void sender.write('')
    for (let read = await source.next(); !read.done; read = await source.next()) await sender.pass(read.value)
    await sender.end()
  } catch (error) {
    sender.fail(error)
  }
}

type Source = { next(): Promise<IteratorResult<string | Uint8Array, unknown>>; leave(): void }

function sourceOf(stream: InputStream): Source {
  // A web stream can be iterated over in some runtimes alone.
  if ('getReader' in stream) {
    const reader = stream.getReader()
    return { next: () => reader.read(), leave: () => void reader.cancel().catch(() => {}) }
  }
  const iterator = stream[Symbol.asyncIterator]()
  return {
    next: () => iterator.next(),
    leave() {
      // A `return` waits for the chunk that is asked for: a stream of Node.js that stays silent is ended by this alone.
      if ('destroy' in stream && typeof stream.destroy === 'function') stream.destroy()
      iterator.return?.().catch(() => {})
    },
  }
}
