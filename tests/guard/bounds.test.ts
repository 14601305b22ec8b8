// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are pieces of shell

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createGuard } from '../../src/guard/guard.js'
import { mustBeHigh } from './cases/high.js'
import { hostile } from './hostile.js'

const guard = await createGuard()

/** Of a core, and generous, since it may be shared: the aim is 200 ms of a free one, and what this catches is minutes. */
const mostMilliseconds = 10_000

describe('an analysis', () => {
  it.each(Object.entries(hostile))('ends soon for %s', (_, command) => {
    const before = process.cpuUsage()
    const { validation } = guard.analyze(command)
    const { user, system } = process.cpuUsage(before)
    expect((user + system) / 1000).toBeLessThan(mostMilliseconds)
    expect(['low', 'medium', 'high', 'unknown']).toContain(validation.risk_level)
  })

  it('is never low for a command that was not read to the end', () => {
    const padding = 'ls;'.repeat(40_000)
    expect(guard.analyze(`${padding} rm -rf /`).validation.risk_level).toBe('unknown')
    expect(guard.analyze(`rm -rf /; ${padding}`).validation.risk_level).toBe('high')
    expect(guard.analyze(`${'('.repeat(5_000)}rm -rf /${')'.repeat(5_000)}`).validation.risk_level).toBe(
      'unknown',
    )
    expect(guard.analyze('echo "open').validation).toMatchObject({ risk_level: 'unknown', safe: false })
    expect(guard.analyze('if then fi').validation.risk_level).toBe('unknown')
    expect(guard.analyze('rm -rf /; if').validation.risk_level).toBe('high')
    expect(guard.analyze('a\0b').validation.risk_level).toBe('unknown')
  })

  it('gives the same answer each time', () => {
    for (const command of mustBeHigh.slice(0, 40)) {
      expect(guard.analyze(command)).toEqual(guard.analyze(command))
    }
  })

  it('ends and never throws for any text', () => {
    const shellish = fc
      .array(
        fc.constantFrom(
          ...'rm -rf / ~ * $x ${x} $( ) ` " \' \\ ; & | && || < > >> << <<< E \n { } ( ) [[ ]] [ ] if then fi for in do done while case esac f(){ } sudo sh -c eval xargs find -exec {} + ; base64 -d | sh echo cat curl x= $((1+1)) <( >( # ! = : . \0 \u0001 \u0002'.split(
            ' ',
          ),
        ),
        { maxLength: 60 },
      )
      .map((words) => words.join(' '))
    const mutated = fc
      .tuple(fc.constantFrom(...mustBeHigh), fc.nat(), fc.nat(6), fc.string({ maxLength: 4 }))
      .map(
        ([text, at, cut, put]) =>
          text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut),
      )
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 300 }), shellish, mutated), (command) => {
        const { validation, optimization, findings } = guard.analyze(command)
        expect(validation.safe).toBe(validation.risk_level === 'low')
        expect(typeof optimization.optimized_command).toBe('string')
        expect(findings.some((one) => one.severity === 'high')).toBe(validation.risk_level === 'high')
      }),
      { numRuns: 2_000 },
    )
  })
})
