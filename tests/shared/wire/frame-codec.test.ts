import fc from 'fast-check'
import superjson from 'superjson'
import { describe, expect, test } from 'vitest'
import { frameEncoder } from '../../../src/shared/wire/frame-codec.js'
import { transformer } from '../../../src/shared/wire/transformer.js'

const jsonWithBytes = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.jsonValue(),
    fc.uint8Array({ maxLength: 20 }),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.string(), tie('value'), { maxKeys: 4 }),
  ),
})).value

describe('frames', () => {
  test('carry any JSON with bytes anywhere in it', () => {
    fc.assert(
      fc.property(jsonWithBytes, (value) => {
        expect(frameEncoder.decode(frameEncoder.encode({ value }))).toEqual(withoutNegativeZero({ value }))
      }),
      { numRuns: 1000 },
    )
  })

  test('are plain JSON text when they contain no bytes', () => {
    expect(frameEncoder.encode({ a: [1, 'x', null] })).toBe('{"a":[1,"x",null]}')
  })

  test('of garbage throw, and never reach a prototype', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          frameEncoder.decode(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(Error)
        }
      }),
    )
    const head = JSON.stringify({ value: {}, parts: [{ at: ['__proto__', 'polluted'], length: 1 }] })
    const frame = Buffer.concat([Buffer.from([0, 0, 0, head.length]), Buffer.from(head), Buffer.from('x')])
    expect(() => frameEncoder.decode(frame)).toThrow('no place')
    expect('polluted' in {}).toBe(false)
  })
})

// superjson refuses to walk into an object with such a key.
const jsonForSuperjson = fc
  .jsonValue()
  .filter((value) => !/"(?:prototype|constructor|__proto__)":/.test(JSON.stringify(value)))

describe('the transformer', () => {
  test('is read by stock superjson, and reads what that writes', () => {
    fc.assert(
      fc.property(
        fc.oneof(jsonForSuperjson, fc.date({ noInvalidDate: true }), fc.bigInt(), fc.constant(undefined)),
        (value) => {
          const wire = JSON.parse(JSON.stringify(transformer.serialize({ value })))
          expect(superjson.deserialize(wire)).toEqual({ value })
          const stock = JSON.parse(superjson.stringify({ value }))
          expect(transformer.deserialize(stock)).toEqual({ value })
        },
      ),
    )
  })
})

/** JSON has no negative zero. */
function withoutNegativeZero(value: unknown): unknown {
  if (value === 0) return 0
  if (value instanceof Uint8Array || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(withoutNegativeZero)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withoutNegativeZero(item)]))
}
