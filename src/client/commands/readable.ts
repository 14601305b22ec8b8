/** Bytes that come one chunk at a time, from a source that can be left while the next one is awaited. */
export type ByteSource = { chunks: AsyncIterator<Uint8Array>; leave(): void }

/** A web stream of them. Nothing is read ahead: a chunk is asked for when a reader asks. */
export function readableOf(open: () => ByteSource): ReadableStream<Uint8Array> {
  let source: ByteSource | undefined
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        source ??= open()
        const { value, done } = await source.chunks.next()
        if (!done) controller.enqueue(value)
        else controller.close()
      },
      cancel() {
        source?.leave()
      },
    },
    { highWaterMark: 0 },
  )
}
