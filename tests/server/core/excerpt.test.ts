import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Excerpt } from '../../../src/server/core/excerpt.js'

function excerptOf(parts: Uint8Array[], limit: number): Excerpt {
  const excerpt = new Excerpt(limit)
  for (const part of parts) excerpt.add(part)
  return excerpt
}

test('what fits is whole, whatever it was cut into', () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 10 })), (parts) => {
      const whole = Buffer.concat(parts)
      const excerpt = excerptOf(parts, whole.length)
      expect(excerpt.truncated).toBe(false)
      expect(whole.equals(excerpt.bytes())).toBe(true)
    }),
  )
})

test('what does not fit is its head and its tail with the count of what is left out, and no broken character', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme', minLength: 1 }), { minLength: 1 }),
      fc.nat({ max: 40 }),
      (texts, limit) => {
        const whole = Buffer.from(texts.join(''))
        fc.pre(whole.length > limit)
        const excerpt = excerptOf(
          texts.map((text) => Buffer.from(text)),
          limit,
        )
        const bytes = Buffer.from(excerpt.bytes())
        const mark = bytes.toString('latin1').match(/\n\[\.\.\. (\d+) bytes left out \.\.\.\]\n/)
        const at = mark?.index ?? -1
        const head = bytes.subarray(0, at)
        const tail = bytes.subarray(at + (mark?.[0].length ?? 0))
        expect(excerpt.truncated).toBe(true)
        expect(head.length + tail.length + Number(mark?.[1])).toBe(whole.length)
        expect(head.length + tail.length).toBeLessThanOrEqual(limit + 1)
        expect(whole.subarray(0, head.length).equals(head)).toBe(true)
        expect(whole.subarray(whole.length - tail.length).equals(tail)).toBe(true)
        expect(bytes.toString('utf8')).not.toContain('\ufffd')
      },
    ),
  )
})
