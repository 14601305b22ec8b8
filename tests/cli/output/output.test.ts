import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { write } from '../../../src/cli/output/output.js'

describe('the writer', () => {
  test('waits for a slow reader when many write at once', async () => {
    const stream = new PassThrough({ highWaterMark: 1 })
    let done = 0
    const all = Promise.all(
      Array.from({ length: 30 }, async () => {
        await write(stream, 'xy')
        done += 1
      }),
    )
    await once(stream, 'readable')
    expect(done).toBe(0)
    // Node.js warns of a leak from eleven listeners on.
    expect(stream.listenerCount('drain')).toBe(1)
    stream.resume()
    await all
    expect([done, stream.listenerCount('drain')]).toEqual([30, 0])
  })
})
