// biome-ignore-all lint/suspicious/noTemplateCurlyInString: what is in them is of templates that users write

/** What a part of a command is inside of: `expansion` is `${…}`, `group` a parenthesis. Of `$((…))` each parenthesis counts. */
type Inside = 'double' | 'substitution' | 'group' | 'arithmetic' | 'expansion'

const TOKEN = /\\\n|\$\$|\$\(\(|\$\(|\$\{|<<<|<<|\bcase\b|[\s\S]/g
const ENDS = { single: "'", backticks: '`', comment: '\n' } as const
const CLOSES: Partial<Record<Inside, string>> = { double: '"', expansion: '}', arithmetic: ')' }
const BY_ENV = 'Pass it by env, and write "$NAME" there.'

/**
 * Where in a command the reading is, as far as it has to be known to place a quoted word: inside double quotes, for one, the
 * quotes around a value would be text, and the value be run. What differs between shells, or would take a whole parser
 * (quotes in `${…}` and `$((…))`, here-documents, `case` in `$(…)`), counts as a place for no value from there on.
 */
export class ShellPlace {
  readonly #inside: Inside[] = []
  #mode: keyof typeof ENDS | undefined
  #escaped = false
  /** The token before this one; none at the beginning, and a letter where a value was placed. */
  #last = ' '
  #hereDocument = false
  #unsure = false

  /** Why no value may be placed here, as a sentence; undefined where one may. */
  get obstacle(): string | undefined {
    if (this.#mode === 'comment') return 'A value of sh`…` cannot be placed in a comment.'
    if (this.#mode === 'backticks')
      return 'A value of sh`…` cannot be placed in backticks: write $(…) for them.'
    if (this.#mode === 'single' || this.#inside.at(-1) === 'double') {
      return 'A value of sh`…` is quoted already: leave out the quotes around it, as in sh`echo ${value}`.'
    }
    if (this.#escaped) return 'A value of sh`…` cannot be placed behind a backslash.'
    if (this.#inside.includes('arithmetic')) return 'A value of sh`…` in $((…)) has to be a number.'
    if (this.#inside.includes('expansion')) return `A value of sh\`…\` cannot be placed in \${…}. ${BY_ENV}`
    if (this.#hereDocument) return 'A value of sh`…` cannot be placed behind <<: give the text by stdin.'
    if (this.#unsure) return `Whether this value of sh\`…\` is inside quotes cannot be told. ${BY_ENV}`
    return undefined
  }

  /** A value was placed, or a character that means itself: the word goes on. */
  passWord(): void {
    this.#escaped = false
    this.#last = 'a'
  }

  read(text: string): void {
    for (const [token] of text.matchAll(TOKEN)) {
      for (const part of this.#mode === undefined && !this.#escaped ? [token] : token) this.#take(part)
    }
  }

  #take(token: string): void {
    if (this.#escaped) return this.passWord()
    if (this.#mode !== undefined) return this.#takeInMode(token, this.#mode)
    // A line that goes on is no character at all: what is on its two sides may be one token.
    if (token === '\\\n') {
      this.#unsure ||= !/^\s/.test(this.#last)
      return
    }
    const last = this.#last
    this.#last = token
    const inside = this.#inside.at(-1)
    const isStrict = inside === 'expansion' || inside === 'arithmetic'
    if (isStrict && /^[\\'"`]$/.test(token)) this.#unsure = true
    if (this.#takeAnywhere(token)) return
    if (inside === undefined || inside === 'substitution' || inside === 'group') this.#takePlain(token, last)
    else this.#takeInside(token, inside)
  }

  #takeInMode(token: string, mode: keyof typeof ENDS): void {
    if (mode === 'backticks' && token === '\\') this.#escaped = true
    if (token !== ENDS[mode]) return
    this.#mode = undefined
    this.#last = token
  }

  /** What means the same in quotes and outside of them. */
  #takeAnywhere(token: string): boolean {
    if (token === '\\') this.#escaped = true
    else if (token === '`') this.#mode = 'backticks'
    else if (token === '$((') this.#inside.push('arithmetic', 'arithmetic')
    else if (token === '$(') this.#inside.push('substitution')
    else if (token === '${') this.#inside.push('expansion')
    else return false
    return true
  }

  #takeInside(token: string, inside: Inside): void {
    if (inside === 'arithmetic' && token === '(') this.#inside.push('arithmetic')
    if (token === CLOSES[inside]) this.#leave()
  }

  #takePlain(token: string, last: string): void {
    if (token === '#' && /[\s;&|()<>]$/.test(last)) this.#mode = 'comment'
    // $'…', $"…" and $[…] are read by some shells alone, and by those as nothing else here.
    if (last === '$' && /^['"[]$/.test(token)) this.#unsure = true
    if (token === "'") this.#mode = 'single'
    if (token === '"') this.#inside.push('double')
    if (token === '(') {
      this.#inside.push('group')
      // Arithmetic to some shells.
      this.#unsure ||= last === '('
    }
    // The parenthesis behind a pattern of `case` closes nothing.
    if (token === ')') this.#leave()
    if (token === 'case' && this.#inside.length > 0) this.#unsure = true
    if (token === '<<') this.#hereDocument = true
  }

  /** Behind all but a group, the word goes on. */
  #leave(): void {
    const left = this.#inside.pop()
    if (left !== undefined && left !== 'group') this.#last = 'a'
  }
}
