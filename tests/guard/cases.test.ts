import { afterAll, describe, expect, it } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { mustNotBeHigh as calm } from './cases/calm.js'
import { disguised } from './cases/disguised.js'
import { everyday } from './cases/everyday.js'
import { mustBeHigh as high } from './cases/high.js'
import { laterCalm, laterHigh } from './cases/later.js'
import { mustParse } from './cases/parse.js'

const mustBeHigh = [...high, ...disguised, ...laterHigh]
const mustNotBeHigh = [...calm, ...everyday, ...laterCalm]

const guard = await createGuard()
const levelOf = (command: string) => guard.analyze(command).validation.risk_level

describe('the guard', () => {
  it.each(mustBeHigh)('calls high: %s', (command) => {
    expect(levelOf(command)).toBe('high')
  })

  it.each(mustNotBeHigh)('calls %s, not high: %s', (level, command) => {
    expect(levelOf(command)).toBe(level)
  })

  it.each(mustParse)('reads to the end: %s', (command) => {
    expect(levelOf(command)).not.toBe('unknown')
  })

  it('is tested with at least 300 cases', () => {
    expect(mustBeHigh.length + mustNotBeHigh.length + mustParse.length).toBeGreaterThanOrEqual(300)
  })
})

afterAll(() => {
  const caught = mustBeHigh.filter((command) => levelOf(command) === 'high').length
  const quiet = [...mustNotBeHigh.map(([, command]) => command), ...mustParse]
  const falseAlarms = quiet.filter((command) => levelOf(command) === 'high').length
  const exact = mustNotBeHigh.filter(([level, command]) => levelOf(command) === level).length
  const percent = (part: number, whole: number) => `${((100 * part) / whole).toFixed(1)} %`
  console.log(
    [
      `guard, verdict high: precision ${percent(caught, caught + falseAlarms)} (${falseAlarms} false alarms in ${quiet.length} calm commands),`,
      `recall ${percent(caught, mustBeHigh.length)} (${caught} of ${mustBeHigh.length});`,
      `low and medium told apart: ${percent(exact, mustNotBeHigh.length)} of ${mustNotBeHigh.length}`,
    ].join(' '),
  )
})
