import { ShellPlace } from './shell-place.js'

/** Text that a `sh` template takes as it is. `dangerouslyRaw` makes it; an object that only looks like it is refused. */
export class RawShellText {
  readonly #text: string

  /** @internal Made by `dangerouslyRaw`, so that each place where nothing is quoted can be searched for. */
  constructor(text: string) {
    this.#text = text
  }

  /** The text. */
  toString(): string {
    return this.#text
  }
}

/** One word of a `sh` template. */
export type ShellWord = string | number | RawShellText

/** What a `sh` template takes: a word, or several, which a blank parts; none of an empty list. */
export type ShellValue = ShellWord | readonly ShellWord[]

/**
 * DANGEROUS: text that `sh` puts into the command without quoting it, so that a shell reads it as program text. If any of
 * it comes from outside the program, its author can run any command on the agent. It is for fixed parts that the program
 * itself puts together, such as one of two redirections.
 */
export function dangerouslyRaw(text: string): RawShellText {
  if (typeof text !== 'string') throw new TypeError('dangerouslyRaw takes a text.')
  return new RawShellText(withoutNul(text))
}

/**
 * The command of a `sh` template. Its own text is the shell's, with backslashes as they are written, but for those
 * before a backtick and `${`, which are JavaScript's. Each value is one word, in single quotes.
 */
export function shellCommand(template: TemplateStringsArray, values: readonly ShellValue[]): string {
  // Called as a function, all of a text would be program text.
  if (!Array.isArray(template) || !Array.isArray(template.raw)) {
    throw new TypeError('sh is a tag of templates: write sh`…`, without parentheses.')
  }
  const place = new ShellPlace()
  let command = ''
  const append = (text: string) => {
    place.read(text)
    command += text
  }
  for (const [index, raw] of template.raw.entries()) {
    append(withoutNul(unescaped(raw)))
    if (index === template.raw.length - 1) break
    const value = values[index]
    const words: unknown[] = Array.isArray(value) ? value : [value]
    for (const [at, word] of words.entries()) {
      if (at > 0) append(' ')
      if (word instanceof RawShellText) {
        append(String(word))
        continue
      }
      command += quoted(word, place)
      place.passWord()
    }
  }
  return command
}

function quoted(word: unknown, place: ShellPlace): string {
  // Nothing in a number means anything to a shell, wherever it is.
  if (typeof word === 'number' && Number.isFinite(word)) return String(word)
  if (typeof word !== 'string') {
    throw new TypeError(
      `A value of sh\`…\` is a text, a finite number, or a list of them, not ${nameOf(word)}.`,
    )
  }
  if (place.obstacle !== undefined) throw new TypeError(place.obstacle)
  return `'${withoutNul(word).replaceAll("'", `'\\''`)}'`
}

function nameOf(value: unknown): string {
  if (value === null || value === undefined || typeof value === 'number') return String(value)
  return Array.isArray(value) ? 'a list in a list' : `of the type ${typeof value}`
}

function withoutNul(text: string): string {
  if (text.includes('\0')) throw new TypeError('A command cannot hold a NUL: no process can be given one.')
  return text
}

/** Without the backslashes that JavaScript takes: to the shell, all others mean what they say. */
function unescaped(raw: string): string {
  return raw.replaceAll(/\\(\\|`|\$\{)/g, (whole, next: string) => (next === '\\' ? whole : next))
}
