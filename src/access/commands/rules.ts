import type { CommandRule, Grant } from '../../shared/access/policy.js'
import type { CommandFacts } from '../request.js'
import type { CommandReading } from './reading.js'

export type CompiledRules = readonly CommandRule[]
export type AllowFacts = Required<Pick<Grant, 'operators' | 'redirects'>>

export function compileRules({ commands = [] }: Grant): CompiledRules {
  return commands
}

/** Why a command is not allowed by rules; undefined where it is. */
export function allowFailure(
  rules: CompiledRules,
  _facts: AllowFacts,
  command: CommandFacts,
  _reading: CommandReading | undefined,
): { reason: string; part?: number } | undefined {
  const exact = rules.some((rule) => 'exact' in rule && rule.exact === command.text)
  return exact ? undefined : { reason: 'no rule of it fits the command' }
}

/** Whether a command may fit a rule of a deny. */
export function denyFits(
  _rules: CompiledRules,
  _command: CommandFacts,
  _reading: CommandReading | undefined,
): boolean {
  return true
}
