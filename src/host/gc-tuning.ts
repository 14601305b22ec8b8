import { getHeapStatistics, setFlagsFromString } from 'node:v8'

/** Above so many bytes of heap, marking all of it at once would stop the process for too long. */
const SMALL_HEAP_BYTES = 128 * 1024 * 1024
const LOOK_MS = 5000

/**
 * Has V8 mark a small heap at once instead of step by step. Each chunk of output is a buffer outside the heap, and every
 * 64 MiB of them V8 marks all of the heap, be it 20 MiB, to find those that are free: at once that takes it some 8 ms, in
 * steps between other work more than twice that, which was a fifth of the processor time of much output. A heap that
 * has grown (thousands of agents) is marked in steps, as usual. V8 reads this setting whenever it begins to mark.
 */
export function markSmallHeapsAtOnce(): void {
  let atOnce = false
  const look = () => {
    // Opens no file, which may be one too many for this process.
    const small = getHeapStatistics().used_heap_size < SMALL_HEAP_BYTES
    if (small === atOnce) return
    atOnce = small
    setFlagsFromString(small ? '--no-incremental-marking' : '--incremental-marking')
  }
  look()
  setInterval(look, LOOK_MS).unref()
}
