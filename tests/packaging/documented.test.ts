import ts from 'typescript-5-9'
import { describe, expect, test } from 'vitest'
import {
  docOf,
  entries,
  exportsOf,
  inputsOf,
  nameOfType,
  propertiesOf,
  typeNamed,
} from '../support/package-types.js'

/** Whether what a program of the SDK has to write, and what it gets, is said where an editor shows it. */

const DOCUMENTED = 0.95

const inputs = inputsOf([
  ...['OgentClient', 'CommandMethods', 'AgentMethods', 'RemoteAgent', 'CommandRun'].flatMap((owner) =>
    propertiesOf(typeNamed(owner)).filter(({ name }) => !/^(?:_|then$|catch$|finally$|trpc$)/.test(name)),
  ),
  // An outcome is what a run gave.
  ...exportsOf('client').filter(({ flags, name }) => flags & ts.SymbolFlags.Function && name !== 'assertOk'),
])

describe.each(entries)('ogent/%s', (entry) => {
  test('has a doc on what it exports', () => {
    const all = exportsOf(entry)
    const bare = all.filter((symbol) => docOf(symbol) === '').map(({ name }) => name)
    console.log(`ogent/${entry}: ${all.length} exports, ${bare.length} without a doc`)
    expect(all.length).toBeGreaterThan(50)
    expect(bare.slice(0, Math.max(0, bare.length - (1 - DOCUMENTED) * all.length))).toEqual([])
  })
})

describe('what a caller of the SDK gives', () => {
  test('has a doc on each field', () => {
    const bare = inputs.filter(({ doc }) => doc === '').map(({ path }) => path)
    console.log(`${inputs.length} fields of inputs, ${bare.length} without a doc`)
    expect(inputs.length).toBeGreaterThan(60)
    expect(inputs.map(({ path }) => path)).toEqual(
      expect.arrayContaining([
        'execute(request).timeout_seconds',
        'execute(options).signal',
        'lines(options).maxBytes',
      ]),
    )
    expect(bare.slice(0, Math.max(0, bare.length - (1 - DOCUMENTED) * inputs.length))).toEqual([])
  })

  test('is of a type that says what it takes', () => {
    const vague = inputs.filter(({ type }) => type.flags & (ts.TypeFlags.Unknown | ts.TypeFlags.Any))
    expect(vague.map(({ path }) => path)).toEqual([])
  })

  // What a field takes is bounded, and has a unit, where it is a number; what holds without a field is said behind a semicolon.
  test('says what holds where it is left out', () => {
    const silent = inputs.filter(({ optional, doc }) => optional && !/; |\bNone\b|\bNot \w/.test(doc))
    expect(silent.map(({ path, doc }) => `${path}: ${doc}`)).toEqual([])
  })

  test('has a unit or a bound where it is a number', () => {
    const numbers = inputs.filter(
      ({ type }) => nameOfType(type).includes('number') && !nameOfType(type).includes('|'),
    )
    expect(numbers.length).toBeGreaterThan(5)
    const bare = numbers.filter(({ doc }) => !/\b(?:ms|[Ss]econds?|[Bb]ytes|from \d|\d to \d)/.test(doc))
    expect(bare.map(({ path, doc }) => `${path}: ${doc}`)).toEqual([])
  })
})
