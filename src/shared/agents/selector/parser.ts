import { OgentError } from '../../errors.js'
import { printable } from '../../printable.js'
import { fieldFault, keywords } from './fields.js'
import { expandIds } from './id-ranges.js'
import { BARE_VALUE, symbols } from './printer.js'
import {
  boundsFault,
  type FieldSelector,
  type Selector,
  type SelectorOperator,
  selectorLimits,
  setNameSchema,
  targetOutcomeSchema,
  valuesFault,
} from './tree.js'

const SPACE = /\s*/y
/** Characters of ids, of fields and of the language's own words. */
const WORD = /[A-Za-z0-9._:/-]+/y
const IN_BRACKETS = /\[[^[\]\s]*\]/y
const QUOTED = /"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'/suy
const SYMBOL = /!=|<=|>=|[=~<>]/y
/** What an error shows of the place where it is: a word, or one character. */
const FOUND = /[^\s(),&"'=!<>~]{1,32}|\S/uy

export const EMPTY = 'is empty: write `all` where every agent is meant'
export const TOO_LONG = `takes ${selectorLimits.text} characters at most`

const ATOM = 'an agent, a field with its operator, has, all, @set, %run:outcome or ('
const GOES_ON = 'and, or, minus or the end'

/** A selector's text as a tree. Throws VALIDATION_FAILED with one sentence, which says where it is wrong. */
export function parseSelector(text: string): Selector {
  if (text.length > selectorLimits.text) throw refused(TOO_LONG)
  if (text.trim() === '') throw refused(EMPTY)
  const selector = new Parser(text).whole()
  const fault = boundsFault(selector)
  if (fault !== undefined) throw refused(fault)
  return selector
}

/** Reads a text from left to right; each method reads what its name says, and leaves `#at` behind it. */
class Parser {
  readonly #text: string
  #at = 0
  #parentheses = 0
  #ids = 0

  constructor(text: string) {
    this.#text = text
  }

  whole(): Selector {
    const selector = this.#or()
    this.#skip()
    if (this.#at < this.#text.length) throw this.#expected(GOES_ON)
    return selector
  }

  #or(): Selector {
    const [first, ...more] = this.#chain(
      () => this.#and(),
      () => this.#takeWord('or') || this.#take(','),
    )
    return more.length === 0 ? first : { or: [first, ...more] }
  }

  #and(): Selector {
    const [first, ...more] = this.#chain(
      () => this.#minus(),
      () => this.#takeWord('and') || this.#take('&'),
    )
    return more.length === 0 ? first : { and: [first, ...more] }
  }

  #minus(): Selector {
    const [first, ...more] = this.#chain(
      () => this.#unary(),
      () => this.#takeWord('minus'),
    )
    return more.length === 0 ? first : { and: [first, ...more.map((not) => ({ not }))] }
  }

  #chain(part: () => Selector, goesOn: () => boolean): [Selector, ...Selector[]] {
    const parts: [Selector, ...Selector[]] = [part()]
    while (goesOn()) parts.push(part())
    return parts
  }

  #unary(): Selector {
    return this.#takeWord('not') || this.#take('!') ? { not: this.#atom() } : this.#atom()
  }

  #atom(): Selector {
    if (this.#take('(')) return this.#inParentheses()
    if (this.#take('@')) return { set: this.#setName() }
    if (this.#take('%')) return this.#run()
    if (this.#takeWord('has')) return { field: this.#field('a field after has'), op: 'has' }
    const begin = this.#at
    const field = this.#read(WORD) ?? ''
    const behind = this.#at
    const operator = field === '' ? undefined : this.#operator()
    if (operator) return this.#comparison({ field, begin, ...operator })
    if (field === 'all' && this.#text[behind] !== '[') {
      this.#at = behind
      return { all: true }
    }
    this.#at = begin
    return this.#idList()
  }

  #inParentheses(): Selector {
    const begin = this.#at - 1
    this.#parentheses += 1
    if (this.#parentheses > selectorLimits.depth) {
      throw this.#refused(`parentheses nest deeper than ${selectorLimits.depth} levels`, begin)
    }
    const selector = this.#or()
    if (!this.#take(')')) throw this.#expected(`and, or, minus or ) for the ( at ${this.#place(begin)}`)
    this.#parentheses -= 1
    return selector
  }

  #setName(): string {
    const begin = this.#at
    const name = this.#read(WORD)
    if (name === undefined) throw this.#expected("a set's name after @")
    if (!setNameSchema.safeParse(name).success) throw this.#refused(`${name} can be no set's name`, begin)
    return name
  }

  #run(): Selector {
    const begin = this.#at
    const word = this.#read(WORD) ?? ''
    const colon = word.lastIndexOf(':')
    const run = word.slice(0, Math.max(colon, 0))
    if (run === '') throw this.#expected("a run's id, : and an outcome after %", begin)
    const outcomes = [this.#outcome(word.slice(colon + 1), begin + colon + 1)]
    while (this.#take('+')) {
      const at = this.#skip()
      outcomes.push(this.#outcome(this.#read(WORD) ?? '', at))
    }
    return { run, outcomes }
  }

  #outcome(word: string, at: number) {
    const outcome = targetOutcomeSchema.safeParse(word)
    if (outcome.success) return outcome.data
    throw this.#expected(`an outcome: ${targetOutcomeSchema.options.join(', ')}`, at)
  }

  #field(what: string): string {
    const begin = this.#skip()
    const name = this.#read(WORD)
    if (name === undefined) throw this.#expected(what)
    return this.#checkedField(name, begin)
  }

  #checkedField(name: string, at: number): string {
    const fault = fieldFault(name)
    if (fault !== undefined) throw this.#refused(fault, at)
    return name
  }

  /** Undefined where there is none: what comes before is no field then. */
  #operator(): { op: SelectorOperator; written: string } | undefined {
    const behind = this.#at
    this.#skip()
    const symbol = this.#read(SYMBOL)
    for (const [op, written] of Object.entries(symbols)) {
      // The keys of `symbols` are operators.
      if (written === symbol) return { op: op as SelectorOperator, written }
    }
    if (this.#takeWord('in')) return { op: 'in', written: 'in' }
    if (this.#takeWord('not') && this.#takeWord('in')) return { op: 'not_in', written: 'not in' }
    this.#at = behind
    return undefined
  }

  #comparison({ field, begin, op, written }: Comparison): FieldSelector {
    this.#checkedField(field, begin)
    if (op !== 'in' && op !== 'not_in') {
      const at = this.#skip()
      const values = [this.#value(written)]
      const fault = valuesFault(op, values)
      if (fault !== undefined) throw this.#refused(fault, at)
      return { field, op, values }
    }
    if (!this.#take('(')) throw this.#expected(`( after ${written}`)
    const values = [this.#value(`${written} (`)]
    while (this.#take(',')) values.push(this.#value(','))
    if (!this.#take(')')) throw this.#expected(', or ) after a value')
    return { field, op, values }
  }

  #value(after: string): string {
    const begin = this.#skip()
    const quoted = this.#quoted()
    if (quoted !== undefined) return quoted
    const bare = this.#read(BARE_VALUE)
    // An empty variable leaves the next word of the language where its value should be.
    if (bare === undefined || keywords.includes(bare)) {
      throw this.#expected(`a value after ${after}`, begin)
    }
    return bare
  }

  #quoted(): string | undefined {
    const quote = this.#text[this.#at] ?? ''
    if (quote !== '"' && quote !== "'") return undefined
    const begin = this.#at
    const whole = this.#read(QUOTED)
    if (whole === undefined) throw this.#refused(`the ${quote} has no end`, begin)
    return whole.slice(1, -1).replaceAll(/\\(.)/gsu, '$1')
  }

  #idList(): Selector {
    const ids = this.#idsOfItem()
    while (this.#take('+')) ids.push(...this.#idsOfItem())
    return { ids }
  }

  #idsOfItem(): string[] {
    const begin = this.#skip()
    const quoted = this.#quoted()
    const pattern = quoted ?? this.#pattern()
    if (pattern === '' || (quoted === undefined && keywords.includes(pattern))) {
      throw this.#expected(ATOM, begin)
    }
    const expanded = expandIds(pattern, selectorLimits.ids - this.#ids)
    if ('fault' in expanded) throw this.#refused(expanded.fault, begin)
    this.#ids += expanded.ids.length
    return expanded.ids
  }

  /** An id with its brackets, as it is written. */
  #pattern(): string {
    let pattern = ''
    while (true) {
      const piece = this.#read(WORD) ?? this.#read(IN_BRACKETS)
      if (piece !== undefined) pattern += piece
      else if (this.#text[this.#at] === '[') throw this.#refused('the [ has no end', this.#at)
      else return pattern
    }
  }

  /** Passes over blanks; gives the place behind them. */
  #skip(): number {
    this.#read(SPACE)
    return this.#at
  }

  #take(character: string): boolean {
    if (this.#text[this.#skip()] !== character) return false
    this.#at += 1
    return true
  }

  /** Takes a word of the language; before a bracket it is the beginning of an id. */
  #takeWord(word: string): boolean {
    const begin = this.#skip()
    if (this.#read(WORD) === word && this.#text[this.#at] !== '[') return true
    this.#at = begin
    return false
  }

  #read(what: RegExp): string | undefined {
    what.lastIndex = this.#at
    const [found] = what.exec(this.#text) ?? []
    this.#at += found?.length ?? 0
    return found
  }

  #expected(what: string, at = this.#skip()): OgentError {
    this.#at = at
    const found = this.#read(FOUND)
    return this.#refused(`expected ${what}${found === undefined ? '' : `; found ${printable(found)}`}`, at)
  }

  #refused(fault: string, at: number): OgentError {
    return refused(`at ${this.#place(at)}: ${fault}`)
  }

  /** Characters are counted from 1, as people do. */
  #place(at: number): number {
    return [...this.#text.slice(0, at)].length + 1
  }
}

type Comparison = { field: string; begin: number; op: SelectorOperator; written: string }

function refused(sentence: string): OgentError {
  const issues = [{ loc: ['selector'], msg: sentence, type: 'invalid_selector' }]
  return new OgentError('VALIDATION_FAILED', `selector: ${sentence}`, { issues })
}
