import type { CommandRule } from '../../shared/access/policy.js'
import { quoted } from '../brief.js'
import { denyWordTest, type WordTest, wordTest } from './words.js'

/** A rule for the words of a simple command, made ready. */
export type ArgvRule = {
  words: readonly WordTest[]
  rest: WordTest | undefined
  max: number
  /** As people read it. */
  text: string
}

/** Why no rule fits: a clause about the grant, and from 0 on and below 1 how much fitted. */
export type RuleFailure = { reason: () => string; part: number }

type WordsRule = Extract<CommandRule, { argv: unknown }>

/** Rules for the words of simple commands, found by the program that they name. */
export class ArgvRules {
  readonly #all: readonly ArgvRule[]
  readonly #byProgram = new Map<string, ArgvRule[]>()
  /** Rules whose program is no fixed text. */
  readonly #open: ArgvRule[] = []

  constructor(rules: readonly WordsRule[], effect: 'allow' | 'deny') {
    this.#all = rules.map((rule) => compile(rule, effect))
    for (const rule of this.#all) {
      const program = rule.words[0]?.only
      if (program === undefined) this.#open.push(rule)
      else this.#byProgram.set(program, [...(this.#byProgram.get(program) ?? []), rule])
    }
  }

  get size(): number {
    return this.#all.length
  }

  /** The rules that these words fit. */
  fitting(words: readonly string[]): ArgvRule[] {
    return this.#about(words).filter((rule) => argvFits(rule, words))
  }

  /** Why none does, by the rule that comes nearest. */
  failure(words: readonly string[]): RuleFailure {
    let nearest: RuleFailure | undefined
    for (const rule of this.#about(words)) {
      const failure = argvFailure(rule, words)
      if (failure && (!nearest || failure.part > nearest.part)) nearest = failure
    }
    return nearest ?? { reason: () => `no rule of it is for the program ${quoted(words[0] ?? '')}`, part: 0 }
  }

  #about(words: readonly string[]): ArgvRule[] {
    const own = this.#byProgram.get(words[0] ?? '')
    if (this.#open.length === 0) return own ?? []
    const open = this.#open.filter((rule) => rule.words[0]?.fits(words[0] ?? ''))
    return own ? [...own, ...open] : open
  }
}

export function argvFits(rule: ArgvRule, words: readonly string[]): boolean {
  if (words.length < rule.words.length || words.length > rule.max) return false
  if (words.length > rule.words.length && !rule.rest) return false
  return words.every((word, at) => (rule.words[at] ?? rule.rest)?.fits(word))
}

/** What in a rule a word has to fit. */
export function testAt(rule: ArgvRule, at: number): WordTest | undefined {
  return rule.words[at] ?? rule.rest
}

/** Whether the author of a rule wrote every word that fits it. */
export function isLiteral(rule: ArgvRule): boolean {
  return rule.words.every(({ kind }) => kind === 'literal') && (rule.rest?.kind ?? 'literal') === 'literal'
}

/** What a rule says from a word on. */
export function tailOf(rule: ArgvRule, at: number): ArgvRule {
  return { ...rule, words: rule.words.slice(at), max: rule.max - at }
}

function argvFailure(rule: ArgvRule, words: readonly string[]): RuleFailure | undefined {
  const at = words.findIndex((word, index) => testAt(rule, index)?.fits(word) !== true)
  const name = () => `its rule ${quoted(rule.text)}`
  const part = (count: number) => (count + 1) / (words.length + rule.words.length + 2)
  if (words.length > rule.max)
    return { reason: () => `${name()} takes ${rule.max} words at most`, part: part(rule.max) }
  if (at >= 0)
    return { reason: () => `${name()} does not take the word ${quoted(words[at] ?? '')}`, part: part(at) }
  if (words.length >= rule.words.length) return undefined
  return {
    reason: () => `${name()} takes more words than ${quoted(words.join(' '))}`,
    part: part(words.length),
  }
}

function compile({ argv, rest, max_words }: WordsRule, effect: 'allow' | 'deny'): ArgvRule {
  const test = (rule: (typeof argv)[number], at: number) =>
    effect === 'allow' ? wordTest(rule) : denyWordTest(rule, at === 0)
  const words = argv.map(test)
  const more = rest === undefined ? undefined : test(rest, argv.length)
  const text = [...words.map((word) => word.text), ...(more ? [`${more.text} …`] : [])].join(' ')
  // A deny has no use for a bound on its words: a command with more of them is not another one.
  return { words, rest: more, max: effect === 'allow' ? max_words : Number.POSITIVE_INFINITY, text }
}
