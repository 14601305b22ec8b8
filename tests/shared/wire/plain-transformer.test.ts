import fc from 'fast-check'
import superjson from 'superjson'
import { expect, test } from 'vitest'
import { plainTransformer } from '../../../src/shared/wire/plain-transformer.js'
import { transformer } from '../../../src/shared/wire/transformer.js'

// JSON has no negative zero, and superjson refuses to walk into an object with such a key.
const json = fc
  .jsonValue()
  .map((value) => overTheWire(value))
  .filter((value) => !/"(?:prototype|constructor|__proto__)":/.test(JSON.stringify(value)))

test('the plain transformer writes and reads plain values as the one with superjson does', () => {
  fc.assert(
    fc.property(fc.oneof(json, fc.constant(undefined)), (value) => {
      const plain = overTheWire(plainTransformer.serialize(value))
      expect(superjson.deserialize(plain as never)).toEqual(value)
      expect(transformer.deserialize(plain)).toEqual(value)
      expect(plainTransformer.deserialize(overTheWire(transformer.serialize(value)))).toEqual(value)
    }),
  )
  expect(plainTransformer.serialize(undefined)).toEqual(superjson.serialize(undefined))
})

test('the plain transformer leaves bytes as they are, and fields that are undefined out', () => {
  const value = { data: new Uint8Array([1, 2]), none: undefined }
  expect(plainTransformer.serialize(value)).toEqual({ json: value })
  expect(overTheWire(plainTransformer.serialize({ none: undefined }))).toEqual({ json: {} })
})

test('the plain transformer sends what no procedure takes in a form that can be refused', () => {
  const odd = { big: 7n, not: Number.NaN, date: new Date(0), list: [undefined] }
  expect(plainTransformer.serialize(odd)).toEqual({
    json: { big: '7', not: null, date: '1970-01-01T00:00:00.000Z', list: [null] },
  })
})

test('the plain transformer restores what stock superjson says of values that JSON lacks', () => {
  const odd = fc.oneof(
    json,
    fc.date({ noInvalidDate: true }),
    fc.bigInt(),
    fc.double(),
    fc.constant(undefined),
  )
  const values = fc.oneof(
    odd,
    fc.array(odd),
    fc.dictionary(fc.string({ unit: fc.constantFrom('a', '.', '\\', '0'), minLength: 1 }), fc.array(odd)),
  )
  fc.assert(
    fc.property(values, (value) => {
      const stock = JSON.parse(superjson.stringify({ value }))
      expect(plainTransformer.deserialize(stock)).toEqual(superjson.deserialize(structuredClone(stock)))
    }),
    { numRuns: 500 },
  )
})

test('the plain transformer reads what is none of its format as undefined, and reaches into no prototype', () => {
  for (const value of [undefined, null, 7, 'x', []])
    expect(plainTransformer.deserialize(value)).toBeUndefined()
  expect(plainTransformer.deserialize({ json: null })).toBeNull()
  expect(plainTransformer.deserialize({ json: 'x', meta: { values: ['regexp'] } })).toBe('x')
  const bad = {
    json: { a: {} },
    meta: { values: { 'a.__proto__.polluted': ['undefined'], 'b.c': ['Date'], '': ['Date'] } },
  }
  expect(plainTransformer.deserialize(bad)).toEqual({ a: {} })
  expect('polluted' in {}).toBe(false)
})

function overTheWire(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}
