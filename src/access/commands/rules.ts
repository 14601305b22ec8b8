import type { CommandRule, Grant } from '../../shared/access/policy.js'
import { quoted } from '../brief.js'
import type { CommandFacts } from '../request.js'
import { ArgvRules, type RuleFailure } from './argv.js'
import { type Limits, textFailure } from './fitting.js'
import { innerOf, runsItsInput } from './inside.js'
import { type CommandReading, isKnown, wordsOf } from './reading.js'

/** The command rules of a grant, made ready. */
export type CompiledRules = {
  contracts: readonly string[]
  exact: ReadonlySet<string>
  argv: ArgvRules
}

export function compileRules(rules: readonly CommandRule[], effect: Grant['effect']): CompiledRules {
  return {
    contracts: rules.flatMap((rule) => ('contract' in rule ? [rule.contract] : [])),
    exact: new Set(rules.flatMap((rule) => ('exact' in rule ? [rule.exact] : []))),
    argv: new ArgvRules(
      rules.flatMap((rule) => ('argv' in rule ? [rule] : [])),
      effect,
    ),
  }
}

/** Why a command is not allowed by rules; undefined where it is: each part of it fits one, or the whole text does. */
export function allowFailure(
  rules: CompiledRules,
  limits: Limits,
  { contract, text }: CommandFacts,
  reading: CommandReading | undefined,
): RuleFailure | undefined {
  if (contract !== undefined) {
    if (contractFits(rules, contract)) return undefined
    return { reason: () => `no rule of it is for the contract ${quoted(contract)}`, part: 0 }
  }
  if (text === undefined || !reading)
    return { reason: () => 'it allows commands, and the request has none', part: 0 }
  if (rules.exact.has(text)) return undefined
  if (rules.argv.size === 0) return { reason: () => `no rule of it is ${quoted(text)}`, part: 0 }
  return textFailure(rules.argv, limits, reading)
}

/** Whether a command may fit a rule of a deny: any part of it does, or a part of it was not read. */
export function denyFits(
  rules: CompiledRules,
  { contract, text }: CommandFacts,
  reading: CommandReading | undefined,
): boolean {
  if (contract !== undefined) return contractFits(rules, contract)
  if (text === undefined || !reading) return false
  if (rules.exact.has(text)) return true
  // Only a call of a contract can fit a rule for contracts.
  if (rules.argv.size === 0 && rules.exact.size === 0) return false
  const line = reading.line()
  const runs = reading.runs()
  if ('why' in line || !runs || runs.some((run) => !isKnown(run) || runsItsInput(run))) return true
  const all = [...line.commands.map(({ words }) => words.map(({ value }) => value)), ...runs.map(wordsOf)]
  return all.some((words) => mayFit(rules.argv, words))
}

/** The words fit, or those inside of a wrapper do. */
function mayFit(rules: ArgvRules, words: readonly string[]): boolean {
  for (let left = words; ; ) {
    if (rules.fitting(left).length > 0) return true
    const wrapped = innerOf(left)
    if (wrapped === undefined || wrapped === 'none') return false
    left = wrapped.inner
  }
}

function contractFits({ contracts }: CompiledRules, contract: string): boolean {
  const at = contract.lastIndexOf('@')
  return contracts.includes(contract) || (at > 0 && contracts.includes(contract.slice(0, at)))
}
