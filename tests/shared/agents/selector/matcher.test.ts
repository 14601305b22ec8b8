import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { SelectableAgent } from '../../../../src/shared/agents/selector/fields.js'
import { matches, type SelectorContext } from '../../../../src/shared/agents/selector/matcher.js'
import { parseSelector } from '../../../../src/shared/agents/selector/parser.js'
import { formatSelector } from '../../../../src/shared/agents/selector/printer.js'
import { OgentError } from '../../../../src/shared/errors.js'
import { agent, anyAgent, builtTree, infoOf } from './trees.js'

function meant(text: string, of: SelectableAgent, context?: SelectorContext): boolean {
  return matches(parseSelector(text), of, context)
}

const web = agent({ env: 'prod', role: 'web', build: '1.10' })

describe('an agent is meant', () => {
  test.each([
    ['all', true],
    ['web-1', true],
    ['web-[2-9]', false],
    ['web-[1-9]', true],
    ['id=web-1', true],
    ['hostname ~ host-?', true],
    ['hostname ~ host', false],
    ['status=connected', true],
    ['status!=connected', false],
    ['env=prod', true],
    ['label.env=prod', true],
    ['env=Prod', false],
    ['env!=test', true],
    ['env in (test, prod)', true],
    ['env not in (test, prod)', false],
    ['has env', true],
    ['has zone', false],
    ['build>1.9', true],
    ['build<=1.10.0', true],
    ['agent_version>=1.9', true],
    ['info.arch=x64', true],
    ['info.max_concurrent_commands>9', true],
    ['info.ssh_enabled=false', true],
    ['info.python=null', false],
    ['has info.toString', false],
    ['has toString', false],
    ['env=prod and role=web', true],
    ['env=test or role=web', true],
    ['env=prod minus web-1', false],
    ['env=prod minus web-2', true],
    ['not env=test', true],
  ])('by %s: %s', (text, expected) => {
    expect(meant(text, web)).toBe(expected)
  })
})

describe('an agent without the field', () => {
  const bare = agent({}, { agent_info: { ...infoOf('x64'), python: null } })
  test.each([
    'env=prod',
    'env!=prod',
    'env~*',
    'env in (prod)',
    'env not in (prod)',
    'env<1',
    'env<=1',
    'env>1',
    'env>=1',
    'has env',
    'info.python=null',
    'info.python!=3',
  ])('is not meant by %s, and by its opposite', (text) => {
    expect(meant(text, bare)).toBe(false)
    expect(meant(`not (${text})`, bare)).toBe(true)
  })
})

describe('what a selector refers to', () => {
  const fault = (text: string, context?: SelectorContext) => {
    try {
      return String(meant(text, web, context))
    } catch (error) {
      if (!(error instanceof OgentError)) throw error
      return `${error.code} ${error.message}`
    }
  }

  test('is refused where it is not known, even where another part decides', () => {
    expect(fault('all or @web')).toBe('VALIDATION_FAILED selector: @web: sets are not supported yet')
    expect(fault('%r1:lost')).toBe('VALIDATION_FAILED selector: %r1:lost: runs are not supported yet')
    expect(fault('not fact.os=linux')).toBe(
      'VALIDATION_FAILED selector: fact.os: facts are not supported yet',
    )
  })

  test('is resolved by its context', () => {
    const resolve: SelectorContext['resolve'] = (reference) =>
      'set' in reference
        ? parseSelector(reference.set === 'outer' ? '@inner' : 'role=web')
        : { ids: reference.outcomes }
    const facts: SelectorContext['facts'] = () => ({ 'os.name': 'linux', cores: 8, ready: true })
    const context = { resolve, facts }
    expect(fault('@outer', context)).toBe('true')
    expect(fault('%r1:lost', context)).toBe('false')
    expect(fault('fact.os.name=linux and fact.cores>4 and fact.ready=true', context)).toBe('true')
    expect(fault('has fact.os', context)).toBe('false')
  })

  test('is refused where it has no end', () => {
    const resolve = () => parseSelector('@web')
    expect(fault('@web', { resolve })).toBe(
      'VALIDATION_FAILED selector: @web: sets refer to each other without an end',
    )
  })
})

describe('for every selector', () => {
  const laws = { numRuns: 300 }

  test('its text means the same agents', () => {
    fc.assert(
      fc.property(builtTree, anyAgent, (tree, of) => {
        expect(meant(formatSelector(tree), of)).toBe(matches(tree, of))
      }),
      laws,
    )
  })

  test("De Morgan's laws hold, for agents without the fields too", () => {
    fc.assert(
      fc.property(builtTree, builtTree, anyAgent, (a, b, of) => {
        const is = (selector: Parameters<typeof matches>[0]) => matches(selector, of)
        expect(is({ not: { and: [a, b] } })).toBe(is({ or: [{ not: a }, { not: b }] }))
        expect(is({ not: { or: [a, b] } })).toBe(is({ and: [{ not: a }, { not: b }] }))
        expect(is({ not: { not: a } })).toBe(is(a))
      }),
      laws,
    )
  })
})
