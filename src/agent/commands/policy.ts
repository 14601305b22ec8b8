import type { RiskLevel } from '../../shared/analysis/analysis.js'
import { type ExecutionTarget, loadsForeignCode } from '../../shared/commands/request.js'
import type { ExecuteOrder } from '../../shared/link/protocol.js'
import type { Objection, Refusal } from './ports.js'

export type GuardMode = 'off' | 'block' | 'strict'
export type AllowedTargets = 'both' | 'local' | 'ssh'

export type PolicyOptions = {
  guard: GuardMode
  /** Patterns of commands, of which one has to fit the whole text; undefined where all may run. */
  allow: string[] | undefined
  /** Patterns of names of variables that are not taken. */
  envDeny: string[]
  targets: AllowedTargets
  /** Whether `auto` is the SSH target. */
  ssh: boolean
  /** The verdict of the rules; asked for only where `guard` says so. */
  judge: (order: ExecuteOrder) => Verdict | Promise<Verdict>
}

type Verdict = { risk_level: RiskLevel; risks: string[] }

/** The agent's own decision on an order, regardless of what the controller says. */
export function createObjection(options: PolicyOptions): Objection {
  const { guard, allow, envDeny } = options
  return (order) => {
    const refusal =
      refusedTarget(order.execution_target, options) ??
      refusedName(order.env, envDeny) ??
      refusedLine(order, allow)
    if (refusal || guard === 'off') return refusal
    const verdict = options.judge(order)
    return verdict instanceof Promise
      ? verdict.then((given) => refusedRisk(given, guard))
      : refusedRisk(verdict, guard)
  }
}

function refusedTarget(asked: ExecutionTarget, { targets, ssh }: PolicyOptions): Refusal | undefined {
  const target = asked === 'auto' ? (ssh ? 'ssh' : 'local') : asked
  if (targets === 'both' || target === targets) return undefined
  return {
    sentence: `The agent runs commands on its ${targets} target only (AGENT_TARGETS).`,
    risks: [`The command asks for ${target}.`],
  }
}

function refusedName(env: Record<string, string> = {}, patterns: string[]): Refusal | undefined {
  const names = Object.keys(env)
  const foreign = names.filter(loadsForeignCode)
  if (foreign.length > 0) {
    return {
      sentence: 'The agent does not take variables that make programs load other code.',
      risks: foreign.map((name) => `The variable ${name} is not taken.`),
    }
  }
  const denied = names.filter((name) => patterns.some((pattern) => fits(name, pattern)))
  if (denied.length === 0) return undefined
  return {
    sentence: 'The agent does not take these variables, regardless of who asks (AGENT_ENV_DENY).',
    risks: denied.map((name) => `The variable ${name} is not taken.`),
  }
}

function refusedLine({ command }: ExecuteOrder, allow: string[] | undefined): Refusal | undefined {
  if (!allow || allow.some((pattern) => fitsCommand(command, pattern))) return undefined
  return {
    sentence: 'The agent runs the commands of its own list only (AGENT_ALLOW).',
    risks: ['The command is not in that list.'],
  }
}

function refusedRisk({ risk_level, risks }: Verdict, guard: GuardMode): Refusal | undefined {
  if (risk_level === 'high') {
    return {
      sentence: 'The agent does not run commands whose risk is high, regardless of who asks (AGENT_GUARD).',
      risks,
    }
  }
  if (guard !== 'strict' || risk_level === 'low') return undefined
  return {
    sentence: `The agent runs commands of low risk only; this one is ${risk_level} (AGENT_GUARD=strict).`,
    risks,
  }
}

/** What a shell reads as more than a word: with one of these, a `*` would let in a second command. */
const shellSigns = /[;&|<>$`\\'"(){}\n\r#!*?[\]~]/

/** A `*` matches any characters but those that mean something to a shell; all else matches itself. */
function fitsCommand(command: string, pattern: string): boolean {
  if (command === pattern) return true
  const stretches = stretchesOf(command, pattern)
  return stretches?.every((stretch) => !shellSigns.test(stretch)) === true
}

function fits(text: string, pattern: string): boolean {
  return stretchesOf(text, pattern) !== undefined
}

/** What each `*` of the pattern matches, the shortest each; undefined where the text does not fit. */
function stretchesOf(text: string, pattern: string): string[] | undefined {
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return text === pattern ? [] : undefined
  if (!text.startsWith(first) || text.length < first.length + last.length || !text.endsWith(last))
    return undefined
  const end = text.length - last.length
  const stretches: string[] = []
  let from = first.length
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at < 0 || at + part.length > end) return undefined
    stretches.push(text.slice(from, at))
    from = at + part.length
  }
  return [...stretches, text.slice(from, end)]
}
