import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Output } from '../../../src/agent/commands/output.js'
import { decodeBytes } from '../../../src/shared/commands/event-text.js'
import { MAX_CHUNK_BYTES } from '../../../src/shared/link/protocol.js'

/** Bytes that are likely to be cut badly: characters of every length, halves of them, and plain noise. */
const nastyBytes = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
      fc.constantFrom('é', '€', '🚀', '\ufeff', '\ud7ff').map((text) => Buffer.from(text)),
      fc
        .constantFrom([0xe2, 0x82], [0xf0, 0x9f, 0x9a], [0xc3], [0xe0, 0x80], [0xf4, 0x90], [0xff], [0x80])
        .map((bytes) => Buffer.from(bytes)),
      fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    ),
  )
  .map((parts) => Buffer.concat(parts))

function cut(pieces: Uint8Array[], maxBytes = Number.MAX_SAFE_INTEGER) {
  const output = new Output(maxBytes)
  const chunks = pieces.flatMap((piece) => output.write('stdout', piece))
  chunks.push(...output.flush())
  return { output, chunks }
}

describe('the output of a command', () => {
  test('reads as the whole would when its chunks are decoded one by one, for any way the pipe cut it', () => {
    fc.assert(
      fc.property(nastyBytes, fc.array(fc.nat({ max: 64 })), (bytes, cuts) => {
        const pieces: Uint8Array[] = []
        let at = 0
        for (const length of cuts) {
          pieces.push(bytes.subarray(at, at + length))
          at += length
        }
        pieces.push(bytes.subarray(at))
        const { chunks } = cut(pieces)
        expect(Buffer.concat(chunks.map(({ data }) => data)).equals(bytes)).toBe(true)
        expect(chunks.map(({ data }) => decodeBytes(data, 'utf8')).join('')).toBe(decodeBytes(bytes, 'utf8'))
        let offset = 0
        for (const chunk of chunks) {
          expect(chunk.offset).toBe(offset)
          offset += chunk.data.length
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('is cut on characters within the bound when a piece is longer than a chunk', () => {
    const bytes = Buffer.from('€'.repeat(100_000))
    const { chunks } = cut([bytes])
    expect(chunks.every(({ data }) => data.length <= MAX_CHUNK_BYTES && data.length % 3 === 0)).toBe(true)
    expect(Buffer.concat(chunks.map(({ data }) => data)).equals(bytes)).toBe(true)
  })

  test('is counted and hashed, but not kept, when it exceeds its bound', () => {
    const bytes = Buffer.from('é'.repeat(10))
    const { output, chunks } = cut([bytes.subarray(0, 8), bytes.subarray(8)], 11)
    expect(Buffer.concat(chunks.map(({ data }) => data)).toString()).toBe('é'.repeat(5))
    expect(output.dropped).toBe(10)
    expect(output.totals('stdout')).toEqual({
      bytes: 20,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    })
  })
})
