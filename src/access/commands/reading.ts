import { quickBounds } from '../../guard/interpreter/budget.js'
import { hasMarks, type Invocation } from '../../guard/interpreter/programs/invocation.js'
import { readCommand } from '../../guard/interpreter/walk.js'
import { type Line, readLine, type Unread } from './lexer.js'

/** A longer text, in characters, is not read: a contract and `exact` take one of any length. */
const longest = 4096

/** What the guard finds in a text: all that runs, or undefined where it cannot say so of all. */
export type Runs = readonly Invocation[] | undefined

/** A text of a request, read at most once for all grants. */
export class CommandReading {
  readonly text: string
  #line: Line | Unread | undefined
  #runs: { found: Runs } | undefined
  #own: Map<string, Runs> | undefined
  #inner: boolean | undefined

  constructor(text: string) {
    this.text = text
  }

  /** The simple commands of the text, or what of it is not read. */
  line(): Line | Unread {
    this.#line ??= lineOf(this.text)
    return this.#line
  }

  /** What the guard finds in the whole text. */
  runs(): Runs {
    this.#runs ??= { found: runsOf(this.text) }
    return this.#runs.found
  }

  /** Whether the guard finds more than the simple commands themselves, so that something runs inside of one. */
  hasInner(): boolean {
    this.#inner ??= this.#findInner()
    return this.#inner
  }

  #findInner(): boolean {
    const line = this.line()
    const runs = this.runs()
    if ('why' in line || !runs) return true
    const own = new Set(line.commands.map(({ words }) => keyOf(words.map(({ value }) => value))))
    return runs.some((run) => !own.has(keyOf(wordsOf(run))))
  }

  /** What the guard finds in one simple command by itself. */
  runsOf(words: readonly string[]): Runs {
    const text = words.map(quoted).join(' ')
    if (text === this.text) return this.runs()
    this.#own ??= new Map()
    if (!this.#own.has(text)) this.#own.set(text, runsOf(text))
    return this.#own.get(text)
  }

  /** Whether all of it runs in the folder of the request, for certain. */
  staysInFolder(): boolean {
    const line = this.line()
    const runs = this.runs()
    if ('why' in line || !runs) return false
    const words = [
      ...line.commands.flatMap(({ words }) => words.map(({ value }) => value)),
      ...runs.flatMap(wordsOf),
    ]
    return !words.some((word) => FOLDER.test(word))
  }
}

/** Words that change the folder, or make a program change its own. */
const FOLDER = /^(?:cd|pushd|popd|chdir|-C.*|-D.*|--chdir.*|--directory.*|--working-dir.*)$/

/** The words of what runs, as the guard has them. */
export function wordsOf({ path, args }: Invocation): string[] {
  return [path, ...args.map(({ value }) => value)]
}

/** One text for each list of words. */
export function keyOf(words: readonly string[]): string {
  return JSON.stringify(words)
}

/** Whether the guard knows every word of what runs. */
export function isKnown(run: Invocation): boolean {
  return !hasMarks(run.path) && run.args.every(({ value, glob }) => !glob && !hasMarks(value))
}

/** A text of a request, or of `sh -c` inside one. */
export function lineOf(text: string): Line | Unread {
  if (text.length > longest)
    return { word: text.slice(0, 40), why: `begins a text of more than ${longest} characters` }
  return readLine(text)
}

function runsOf(text: string): Runs {
  if (text.length > longest) return undefined
  try {
    const { invocations, complete } = readCommand(text, quickBounds)
    return complete ? invocations : undefined
  } catch {
    // What breaks the guard has not been read.
    return undefined
  }
}

function quoted(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
