import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { describe, expect, test } from 'vitest'
import {
  bytesForPeople,
  cut,
  durationForPeople,
  printable,
  table,
  write,
} from '../../../src/cli/output/output.js'

describe('writing', () => {
  test('waits for a slow reader, however many write at once', async () => {
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

describe('what people read', () => {
  test('is in their units', () => {
    expect([0, 999, 1000, 1_234_567, 999_949, 999_950, 5e12].map(bytesForPeople)).toEqual([
      '0 B',
      '999 B',
      '1.0 kB',
      '1.2 MB',
      '999.9 kB',
      '1.0 MB',
      '5.0 TB',
    ])
    expect([3.2, 1500, 61_000, 3_720_000].map(durationForPeople)).toEqual([
      '3 ms',
      '1.5 s',
      '1 min 1 s',
      '1 h 2 min',
    ])
  })

  test('is a table, a line and nothing that steers the terminal', () => {
    expect(
      table([
        ['A', 'B'],
        ['long', 'x'],
      ]),
    ).toBe('A     B\nlong  x\n')
    expect(cut('abcdef', 4)).toBe('abc…')
    expect(printable('a\u001b[2J\nb\u202ec')).toBe('a [2J b c')
  })
})
