/** What the rules look at: one run of one program, with all that follows from the text about it. */
export interface Invocation {
  /** The program's name without its folder and version: `rm`, `python`; '' for a bare redirection or an unknown one. */
  readonly program: string
  /** The name after expansion, with its folder. */
  readonly path: string
  readonly args: readonly Field[]
  readonly redirects: readonly Redirect[]
  /** The text of this simple command, as written, shortened. */
  readonly part: string
  /** The text of the whole pipeline around it, shortened. */
  readonly pipeline: string
  /** What it is run through, outermost first: `sudo`, `xargs`, `ssh`. */
  readonly via: readonly string[]
  /** What runs before it in its pipeline: where its standard input comes from. */
  readonly upstream: readonly Invocation[]
  /** Its standard input, when it follows from the text. */
  readonly input: string | undefined
  /** The commands whose output became the file that is run, for a program that the text wrote or fetched before. */
  readonly origin: readonly Invocation[]
  /** The folders in which it may run; undefined represents an unknown folder. */
  readonly folders: readonly (string | undefined)[]
  readonly background: boolean
  readonly piped: boolean
  /** A call of a function from inside itself. */
  readonly recursive: boolean
  /** In a throw-away container without access to the host. */
  readonly contained: boolean
}

/** One word as the program gets it, as far as it is known; unknown stretches are `HOLE`. */
export interface Field {
  readonly value: string
  /** As written. */
  readonly text: string
  /** Has wildcards that the shell expands. */
  readonly glob: boolean
  /** The commands whose output is in it. */
  readonly sources: readonly Invocation[]
  /** What the file behind it holds, for `<(…)` with a known output. */
  readonly content: string | undefined
}

export interface Redirect {
  readonly operator: string
  /** For another stream than the one that the operator means by itself: the errors, as in `2>f`, or a further file. */
  readonly aside: boolean
  readonly target: Field
}

/** An unknown stretch of a value. The three marks cannot be typed: a text with one of them is not read. */
export const HOLE = '\u0000'
/** A user's home folder. */
export const HOME = '\u0001'
/** Always ends a field: between the elements of `"$@"`. */
export const BREAK = '\u0002'
/** Where a text was cut off: a program that runs it runs more than was read. It can be typed, which only raises a verdict. */
export const CUT = '\u0003'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the marks above
const marks = /[\u0000-\u0002]/g

/** A text from the command or decoded from it, without marks. */
export function unmarked(text: string): string {
  return text.replace(marks, '')
}

export function hasMarks(text: string): boolean {
  return text.search(marks) >= 0
}

export function isKnown(field: Field): boolean {
  return !field.value.includes(HOLE)
}

export function fieldOf(value: string, text = value): Field {
  return { value, text, glob: false, sources: [], content: undefined }
}

/** A text for people: one line, at most `length` characters, the home folder as `~`. */
export function brief(text: string, length = 100): string {
  const line = text
    .replaceAll(HOME, '~')
    .replaceAll(HOLE, '…')
    .replaceAll(BREAK, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  return line.length > length ? `${line.slice(0, length - 1)}…` : line
}
