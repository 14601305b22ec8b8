import type { Grant } from '../../shared/access/policy.js'

/**
 * Splits a line into simple commands of literal words, as every shell that may be `sh` splits it (dash, bash, busybox).
 * This is no parser of a shell: it knows a small part of the language, in which a text has one meaning everywhere, and
 * refuses the rest with the word that it did not take. What expands, substitutes, assigns or nests is not part of it.
 */

export type LineWord = {
  /** What the program gets. */
  value: string
  /** As written, with its quotation marks. */
  text: string
}

export type LineRedirect = {
  descriptor: number
  operator: '<' | '>' | '>>' | '>|' | '<>' | '<&' | '>&'
  target: string
}

/** A simple command: its words, one at least, and its redirections. */
export type SimpleCommand = { words: readonly LineWord[]; redirects: readonly LineRedirect[] }

export type Operator = NonNullable<Grant['operators']>[number]

export type Line = {
  commands: readonly SimpleCommand[]
  /** What joins them, in order; a line end counts as `;`, as does one of these at the end. */
  operators: readonly Operator[]
}

/** What was not read, and why: a clause that goes on after the word. */
export type Unread = { word: string; why: string }

/** Reads a whole text, or says what of it cannot be read. */
export function readLine(text: string): Line | Unread {
  try {
    return new Lexer(text).line()
  } catch (error) {
    if (error instanceof Refusal) return error.unread
    throw error
  }
}

class Refusal extends Error {
  readonly unread: Unread

  constructor(word: string, why: string) {
    super(why)
    this.unread = { word, why }
  }
}

/** Words that are part of the language where a command begins; `time`, `[[` and others in some shells only. */
const reserved = new Set(
  '! { } [[ ]] if then elif else fi do done for while until case esac in function select time coproc'.split(
    ' ',
  ),
)
const OPERATORS: readonly Operator[] = ['&&', '||', '|', ';']
/** What ends a word that is not quoted. */
const ENDS = new Set(' \t\n;|&<>()')
/** Letters, digits, signs and blanks of any script. Control and format characters and broken pairs are refused. */
const LITERAL = /^[\t\p{L}\p{M}\p{N}\p{P}\p{S}\p{Zs}]*$/u
const REDIRECT = /(\d*)(<&|>&|<>|>>|>\||<<|<|>)/y

class Lexer {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  line(): Line {
    const commands: SimpleCommand[] = []
    const operators: Operator[] = []
    this.#skip(' \t\n')
    while (this.#at < this.#text.length) {
      const command = this.#command()
      commands.push(command)
      const operator = this.#operator()
      if (operator === undefined) break
      this.#skip(' \t\n')
      const ends = this.#at >= this.#text.length
      if (operator === '\n' && ends) break
      operators.push(operator === '\n' ? ';' : operator)
      if (!ends) continue
      if (operator !== ';') throw this.#refused(operator, 'joins nothing')
      break
    }
    if (commands.length === 0) throw new Refusal('', 'there is no command')
    return { commands, operators }
  }

  #command(): SimpleCommand {
    const words: LineWord[] = []
    const redirects: LineRedirect[] = []
    for (;;) {
      this.#skip(' \t')
      const next = this.#text[this.#at]
      if (next === undefined || next === '\n' || next === ';' || next === '|' || next === '&') break
      const redirect = this.#redirect()
      if (redirect) redirects.push(redirect)
      else words.push(this.#word(words.length === 0))
    }
    if (words.length === 0) {
      throw this.#refused(this.#text[this.#at] ?? this.#text, 'has no command before it')
    }
    return { words, redirects }
  }

  /** The operator at this place: undefined at the end of the text. */
  #operator(): Operator | '\n' | undefined {
    if (this.#at >= this.#text.length) return undefined
    if (this.#text[this.#at] === '\n') {
      this.#at += 1
      return '\n'
    }
    const found = OPERATORS.find((one) => this.#text.startsWith(one, this.#at))
    const behind = this.#text[this.#at + (found?.length ?? 0)] ?? ''
    if (!found || behind === '&' || behind === '|' || behind === ';') {
      throw this.#refused(
        /^[|&;]+/.exec(this.#text.slice(this.#at))?.[0] ?? '',
        'is no operator that is read',
      )
    }
    this.#at += found.length
    return found
  }

  #redirect(): LineRedirect | undefined {
    REDIRECT.lastIndex = this.#at
    const [whole, digits = '', operator] = REDIRECT.exec(this.#text) ?? []
    if (whole === undefined) return undefined
    if (!isRedirect(operator)) throw this.#refused(whole, 'is a document of the shell')
    // dash reads `10>x` as the word 1 and the descriptor 0.
    if (digits.length > 1) throw this.#refused(whole, 'has a descriptor of two digits')
    this.#at += whole.length
    const duplicates = operator === '<&' || operator === '>&'
    if (!duplicates) this.#skip(' \t')
    const target = this.#ends() ? '' : this.#word(false).value
    if (target === '' || (duplicates && !/^\d$/.test(target))) throw this.#refused(whole, 'names no file')
    return {
      descriptor: digits === '' ? (operator.startsWith('<') ? 0 : 1) : Number(digits),
      operator,
      target,
    }
  }

  #word(first: boolean): LineWord {
    const begin = this.#at
    let value = ''
    while (!this.#ends()) {
      const character = this.#character()
      if (character === "'") value += this.#single(begin)
      else if (character === '"') value += this.#double(begin)
      else if (character === '\\') value += this.#escaped(begin)
      else value += this.#bare(character, begin)
    }
    const text = this.#text.slice(begin, this.#at)
    if (text === '') throw this.#refused(this.#text[this.#at] ?? '', 'is no part of a simple command')
    if (first) this.#checkName(text, value)
    return { value, text }
  }

  /** One character, which may be two units of the text. */
  #character(): string {
    return String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0)
  }

  #bare(character: string, begin: number): string {
    const before = this.#text[this.#at - 1] ?? ''
    const starts = this.#at === begin
    this.#at += character.length
    // `{}` means itself in every shell.
    if (character === '{' && this.#text[this.#at] === '}') {
      this.#at += 1
      return '{}'
    }
    const why = bareFault(character, { starts, before, alone: starts && this.#ends() })
    if (why !== undefined) throw this.#refusedWord(begin, why)
    return character
  }

  #single(begin: number): string {
    const end = this.#text.indexOf("'", this.#at + 1)
    if (end < 0) throw this.#refusedWord(begin, 'has a quotation mark without its end')
    const inside = this.#text.slice(this.#at + 1, end)
    this.#at = end + 1
    if (!isLiteral(inside)) throw this.#refusedWord(begin, 'has a line end or a control character')
    return inside
  }

  #double(begin: number): string {
    let value = ''
    for (this.#at += 1; ; ) {
      if (this.#at >= this.#text.length)
        throw this.#refusedWord(begin, 'has a quotation mark without its end')
      const character = this.#character()
      this.#at += character.length
      if (character === '"') return value
      if (character === '$' || character === '`') throw this.#refusedWord(begin, 'expands')
      if (character === '\\' && /[$`"\\]/.test(this.#text[this.#at] ?? '')) {
        value += this.#text[this.#at] ?? ''
        this.#at += 1
      } else if (isLiteral(character)) value += character
      else throw this.#refusedWord(begin, 'has a line end or a control character')
    }
  }

  #escaped(begin: number): string {
    this.#at += 1
    const character = this.#at < this.#text.length ? this.#character() : ''
    if (character === '' || !isLiteral(character)) {
      throw this.#refusedWord(begin, 'has a backslash before a line end or a control character')
    }
    this.#at += character.length
    return character
  }

  #checkName(text: string, value: string): void {
    const why = reserved.has(value)
      ? 'is a word of the shell'
      : /^[A-Za-z_]\w*\+?=/.test(value)
        ? 'sets a variable'
        : value === ''
          ? 'is an empty name'
          : value.includes('/') && !value.startsWith('/')
            ? 'is a relative path of a program'
            : undefined
    if (why !== undefined) throw new Refusal(text, why)
  }

  #ends(): boolean {
    const next = this.#text[this.#at]
    return next === undefined || ENDS.has(next)
  }

  #skip(blanks: string): void {
    while (this.#at < this.#text.length && blanks.includes(this.#text[this.#at] ?? '')) this.#at += 1
  }

  #refused(word: string, why: string): Refusal {
    return new Refusal(word, why)
  }

  /** The refusal of a word, shown up to the next blank behind the place. */
  #refusedWord(begin: number, why: string): Refusal {
    const end = this.#text.slice(this.#at).search(/[\s;|&<>]/)
    return new Refusal(this.#text.slice(begin, end < 0 ? this.#text.length : this.#at + end), why)
  }
}

/** Why a character is refused outside of quotation marks; undefined where it means itself. */
function bareFault(
  character: string,
  { starts, before, alone }: { starts: boolean; before: string; alone: boolean },
): string | undefined {
  switch (character) {
    case '$':
    case '`':
      return 'expands'
    case '*':
    case '?':
      return 'is a pattern'
    case '[':
      // The program of that name.
      return alone ? undefined : 'is a pattern'
    case '{':
    case '}':
      return 'has braces'
    case '~':
      return starts || before === ':' || before === '=' ? 'expands' : undefined
    case '#':
      return starts ? 'begins a comment' : undefined
    default:
      return isLiteral(character) ? undefined : 'has a control character'
  }
}

function isLiteral(text: string): boolean {
  return LITERAL.test(text)
}

function isRedirect(operator: string | undefined): operator is LineRedirect['operator'] {
  return operator !== undefined && operator !== '<<'
}
