import type { RiskLevel } from '../shared/analysis/analysis.js'
import { findingsOf } from './findings.js'
import { type Field, HOLE, type Invocation } from './interpreter/programs/invocation.js'
import { readCommand } from './interpreter/walk.js'
import { verdictOf } from './verdict.js'

/**
 * Whether a line that is proposed for a command (by a model, which the text of the command may have influenced)
 * only rearranges its words. No program, no file and no value may be in it that the command does not
 * have, and nothing may be riskier. Programs that only read may get other options and another order; all others
 * must be called exactly as they were.
 */
export function isRearrangement(command: string, proposal: string): boolean {
  try {
    return onlyRearranges(command, proposal)
  } catch {
    return false
  }
}

/** Programs that write nothing with any option of one letter; `-o` of `sort` is the exception, see below. */
const readers = new Set([
  'cat',
  'cut',
  'egrep',
  'fgrep',
  'grep',
  'head',
  'ls',
  'sort',
  'tail',
  'tr',
  'uniq',
  'wc',
])
const option = /^(?:-[0-9a-np-zA-Z]{1,8}|--(?!output)[a-z][a-z-]*)$/
const ranks: Record<RiskLevel, number> = { low: 0, medium: 1, unknown: 2, high: 3 }

function onlyRearranges(command: string, proposal: string): boolean {
  // Nested texts and variables can bring in a new word that the list of runs does not show.
  if (proposal.includes('<<') || assignments(proposal).some((name) => !assignments(command).includes(name))) {
    return false
  }
  const before = readCommand(command)
  const after = readCommand(proposal)
  if (!before.complete || !after.complete || after.invocations.length === 0) return false
  if (![...before.invocations, ...after.invocations].every((run) => readers.has(run.program))) return false
  const levels = [before, after].map(({ invocations }) => verdictOf(findingsOf(invocations), true).risk_level)
  if (ranks[levels[1] ?? 'high'] > ranks[levels[0] ?? 'low']) return false
  const words = new Set(before.invocations.flatMap((run) => [...run.args, ...targets(run)].map(spelling)))
  return after.invocations.every((run) => isKnownRun(run, before.invocations, words))
}

function isKnownRun(run: Invocation, before: readonly Invocation[], words: ReadonlySet<string>): boolean {
  if (!before.some((one) => one.path === run.path)) return false
  for (const redirect of run.redirects) {
    if (!words.has(spelling(redirect.target))) return false
    if (redirect.operator !== '<' && !before.some((one) => redirectsOf(one).includes(redirectOf(redirect))))
      return false
  }
  return run.args.every((arg) => words.has(spelling(arg)) || option.test(arg.value))
}

function assignments(text: string): string[] {
  return text.match(/\b[A-Za-z_]\w*\+?=\S*/g) ?? []
}

function targets(run: Invocation): Field[] {
  return run.redirects.map((one) => one.target)
}

function redirectsOf(run: Invocation): string[] {
  return run.redirects.map(redirectOf)
}

function redirectOf({ operator, target }: Invocation['redirects'][number]): string {
  return `${operator} ${spelling(target)}`
}

/** What identifies a word: its value, or its text when the value is not known. */
function spelling({ value, text, glob }: Field): string {
  return value.includes(HOLE) || glob ? `as written: ${text}` : value
}
