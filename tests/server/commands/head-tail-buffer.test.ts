import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeadTailBuffer } from '../../../src/server/commands/intake/head-tail-buffer.js'

function excerptOf(parts: Uint8Array[], limit: number): HeadTailBuffer {
  const excerpt = new HeadTailBuffer(limit)
  for (const part of parts) excerpt.add(part)
  return excerpt
}

test('an excerpt is complete when the output fits, for any way it was cut', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 10 })), (parts) => {
      const whole = Buffer.concat(parts)
      const excerpt = excerptOf(parts, whole.length)
      expect(excerpt.truncated).toBe(false)
      expect(whole.equals(excerpt.bytes())).toBe(true)
    }),
  )
})

const MARK = /\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n/
const END = /\n\[\.\.\. (\d+) more bytes were not kept \.\.\.\]\n$/

test('an excerpt has head, tail and the count of omitted bytes, and no broken character, when output does not fit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }),
      fc.nat({ max: 120 }),
      fc.constantFrom(0, 0, 7, 1000),
      (texts, limit, unkept) => {
        const whole = Buffer.from(texts.join(''))
        fc.pre(whole.length > limit)
        const excerpt = excerptOf(
          texts.map((text) => Buffer.from(text)),
          limit,
        )
        const bytes = Buffer.from(excerpt.bytes(whole.length + unkept))
        expect(excerpt.truncated).toBe(true)
        expect(bytes.length).toBeLessThanOrEqual(limit)
        // Throws at a broken character; the replacement character itself may well be in the text.
        new TextDecoder('utf-8', { fatal: true }).decode(bytes)
        const ending = bytes.toString('latin1').match(END)
        const shown = bytes.subarray(0, ending?.index ?? bytes.length)
        const mark = shown.toString('latin1').match(MARK)
        const head = shown.subarray(0, mark?.index ?? shown.length)
        expect(whole.subarray(0, head.length).equals(head)).toBe(true)
        // No room for a word about it.
        if (!mark) return
        const tail = shown.subarray(head.length + mark[0].length)
        expect(head.length + tail.length + Number(mark[1])).toBe(whole.length)
        expect(whole.subarray(whole.length - tail.length).equals(tail)).toBe(true)
        expect(Number(ending?.[1] ?? 0)).toBe(unkept)
      },
    ),
    { numRuns: 1000 },
  )
})

test('an excerpt says that output fits but was not kept to its end', () => {
  const excerpt = excerptOf([Buffer.from('seen')], 60)
  expect(Buffer.from(excerpt.bytes(104)).toString()).toBe('seen\n[... 100 more bytes were not kept ...]\n')
})

test('an excerpt shows about half of its bound from each end', () => {
  const excerpt = excerptOf([Buffer.from('a'.repeat(1000)), Buffer.from('b'.repeat(1000))], 500)
  const text = Buffer.from(excerpt.bytes()).toString()
  const [, a = '', count, b = ''] = text.match(/^(a+)\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n(b+)$/) ?? []
  expect(a.length).toBeGreaterThan(220)
  expect(b.length).toBeGreaterThan(220)
  expect(text.length).toBeGreaterThan(490)
  expect(a.length + b.length + Number(count)).toBe(2000)
})
