import { programName } from '../../guard/interpreter/names.js'
import type { Grant } from '../../shared/access/policy.js'
import { quoted } from '../brief.js'
import {
  type ArgvRule,
  type ArgvRules,
  argvFits,
  isLiteral,
  type RuleFailure,
  tailOf,
  testAt,
} from './argv.js'
import {
  changesTheShell,
  innerOf,
  isPlain,
  isReader,
  isSpelled,
  mayRunOthers,
  runsItsInput,
  scriptFault,
  shellText,
} from './inside.js'
import type { Line, LineRedirect, Unread } from './lexer.js'
import { wordThatRuns } from './options.js'
import { type CommandReading, isKnown, keyOf, lineOf, wordsOf } from './reading.js'

/** What joins commands that fit, and what the shell may open for them. */
export type Limits = Required<Pick<Grant, 'operators' | 'redirects'>>

/** Simple commands that are looked at for one grant, wrapped ones and each rule that fits them counted apart. */
const mostLooks = 200

/** Why a text is not allowed by rules; undefined where all that runs fits. */
export function textFailure(
  rules: ArgvRules,
  limits: Limits,
  reading: CommandReading,
): RuleFailure | undefined {
  const line = reading.line()
  if ('why' in line) return unread(line)
  const fitting = new Fitting(rules, limits, reading)
  return fitting.line(line) ?? fitting.rest()
}

/** A number, as of seconds or of a priority. */
const DURATION = /^\d{1,9}(?:\.\d{1,9})?[smhd]?$/

/** One text against the rules of one grant. */
class Fitting {
  readonly #rules: ArgvRules
  readonly #limits: Limits
  readonly #reading: CommandReading
  /** What may run, by its words. */
  readonly #accepted = new Set<string>()
  #left = mostLooks

  constructor(rules: ArgvRules, limits: Limits, reading: CommandReading) {
    this.#rules = rules
    this.#limits = limits
    this.#reading = reading
  }

  /** The operators, redirections and commands of a line, in that order. */
  line({ commands, operators }: Line): RuleFailure | undefined {
    const operator = operators.find((one) => !this.#limits.operators?.includes(one))
    if (operator) return { reason: () => `it does not allow the operator ${quoted(operator)}`, part: 0.1 }
    for (const { redirects } of commands) {
      const other = redirects.find((one) => !mayRedirect(one, this.#limits.redirects))
      if (other) {
        return {
          reason: () => `it does not allow the redirection ${quoted(other.operator + other.target)}`,
          part: 0.1,
        }
      }
    }
    for (const { words } of commands) {
      const failure = this.#simple(words.map(({ value }) => value))
      if (failure) return failure
    }
    return undefined
  }

  /** What the guard finds in the whole text: all of it has to be something that fits. */
  rest(): RuleFailure | undefined {
    const runs = this.#reading.runs()
    if (!runs) return { reason: () => 'the guard cannot read the command to its end', part: 0.9 }
    for (const run of runs) {
      if (runsItsInput(run)) return { reason: () => `${quoted(run.path)} runs what it reads`, part: 0.9 }
      const words = wordsOf(run)
      if (this.#accepted.has(keyOf(words))) continue
      return { reason: () => `no rule of it fits ${quoted(words.join(' '))}, which runs inside`, part: 0.9 }
    }
    return undefined
  }

  /** `tail`: what the rule of a wrapper says of the command inside. */
  #simple(words: readonly string[], tail?: ArgvRule): RuleFailure | undefined {
    const fitting = this.#rules.fitting(words)
    const rules = tail && argvFits(tail, words) ? [tail, ...fitting] : fitting
    let first: RuleFailure | undefined
    for (const rule of rules) {
      if (this.#left-- <= 0) return { reason: () => 'it takes too long to see what runs inside', part: 0.9 }
      const failure = this.#inside(words, rule)
      if (!failure) {
        this.#accepted.add(keyOf(words))
        return undefined
      }
      first ??= { ...failure, part: Math.max(failure.part, 0.8) }
    }
    return first ?? this.#rules.failure(words)
  }

  /** Why a rule that the words fit does not cover what runs inside of them. */
  #inside(words: readonly string[], rule: ArgvRule): RuleFailure | undefined {
    const program = programName(words[0] ?? '')
    if (isLiteral(rule)) {
      // The author of the rule wrote each of these words, and so what runs inside.
      const looks = mayRunOthers(program) && this.#reading.hasInner()
      const runs = looks ? this.#reading.runsOf(words) : undefined
      for (const run of runs ?? []) this.#accepted.add(keyOf(wordsOf(run)))
      return undefined
    }
    if (changesTheShell(words)) return unread({ word: words[0] ?? '', why: 'changes the shell' })
    const runner = wordThatRuns(words, (at) => testAt(rule, at)?.kind === 'literal')
    if (runner !== undefined) return unread({ word: runner, why: `lets ${program} run other code` })
    const text = shellText(words)
    if (text !== undefined) return this.#text(text)
    const script = scriptFault(words, rule)
    if (script !== undefined) return unread({ word: script, why: `lets ${program} run code of its caller` })
    const wrapped = innerOf(words)
    if (wrapped === 'none') return unread({ word: words[0] ?? '', why: 'names no command that it runs' })
    if (wrapped) return this.#wrapped(words, rule, wrapped)
    return mayRunOthers(program) ? this.#carried(words, rule) : undefined
  }

  #text(text: string): RuleFailure | undefined {
    const line = lineOf(text)
    return 'why' in line ? unread(line) : this.line(line)
  }

  #wrapped(
    words: readonly string[],
    rule: ArgvRule,
    { inner, before }: { inner: string[]; before: string[] },
  ): RuleFailure | undefined {
    const kinds = words.slice(0, before.length + 2).map((_, at) => testAt(rule, at)?.kind)
    const isFixed = (kind: string | undefined) => kind === 'literal' || kind === 'int'
    // An option, a variable or a folder that the caller chose may change what the command inside is.
    const chosen = before.find((word, at) => !isFixed(kinds[at + 1]) && !DURATION.test(word))
    if (chosen !== undefined) return unread({ word: chosen, why: `may change what ${words[0]} runs` })
    // A rule that names the program inside says what that may be given, too.
    const names = before.length + 1 < rule.words.length && kinds.at(-1) === 'literal'
    return this.#simple(inner, names && kinds.every(isFixed) ? tailOf(rule, before.length + 1) : undefined)
  }

  /** What the guard finds inside of programs such as `find`, `ssh` and `git`. */
  #carried(words: readonly string[], rule: ArgvRule): RuleFailure | undefined {
    const runs = this.#reading.hasInner() ? this.#reading.runsOf(words) : []
    if (!runs) return unread({ word: words[0] ?? '', why: 'runs what the guard cannot read' })
    const own = keyOf(words)
    const inner = runs.filter((run) => keyOf(wordsOf(run)) !== own)
    if (inner.length === 0) {
      return isReader(words) ? unread({ word: words[0] ?? '', why: 'runs what it reads' }) : undefined
    }
    const strange = words.find((word, at) => !isPlain(word) && testAt(rule, at)?.kind !== 'literal')
    if (strange !== undefined) return unread({ word: strange, why: 'is read once more by what runs it' })
    for (const run of inner) {
      if (!isKnown(run) || !isSpelled(run, words)) {
        return unread({ word: run.part, why: 'does not say all that runs' })
      }
      const failure = this.#simple(wordsOf(run))
      if (failure) return failure
    }
    return undefined
  }
}

function unread({ word, why }: Unread): RuleFailure {
  return { reason: () => `${quoted(word)} ${why}, and commands of a rule are read strictly`, part: 0.5 }
}

/** Whether the shell may open a file: for `dev_null` that file alone, and what joins the two outputs. */
function mayRedirect(redirect: LineRedirect, allowed: Limits['redirects']): boolean {
  if (allowed !== 'dev_null') return allowed === 'any'
  const { descriptor, operator, target } = redirect
  if (operator === '<') return descriptor === 0 && target === '/dev/null'
  const isOutput = descriptor === 1 || descriptor === 2
  if (operator === '>&') return isOutput && (target === '1' || target === '2')
  return isOutput && (operator === '>' || operator === '>>') && target === '/dev/null'
}
