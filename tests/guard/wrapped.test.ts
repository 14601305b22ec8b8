import { describe, expect, it } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { mustNotBeHigh as calm } from './cases/calm.js'
import { mustBeHigh as high } from './cases/high.js'
import { plain, wraps } from './cases/wraps.js'

const guard = await createGuard()
const levelOf = (command: string) => guard.analyze(command).validation.risk_level

describe('a dangerous command stays dangerous', () => {
  it.each(Object.entries(wraps))('within %s', (_, wrap) => {
    expect(high.filter((command) => plain(command) && levelOf(wrap(command)) !== 'high')).toEqual([])
  })
})

describe('a harmless command stays harmless', () => {
  // Some of them read their input, which a wrap with an input of its own makes a shell of.
  const calmOnes = calm.map(([, command]) => command).filter(plain)
  it.each(Object.entries(wraps))('within %s', (_, wrap) => {
    expect(calmOnes.filter((command) => levelOf(wrap(command)) === 'high')).toEqual([])
  })
})
