import type { ParsedScript, SyntaxNode } from 'unbash'
import type { Budget } from '../budget.js'
import type { KnownFunction, Scope } from '../scope.js'
import type { Field, Invocation, Redirect } from './invocation.js'

/** One analysis under way: what was found so far, and the ways back into the walk for nested texts. */
export interface Session {
  readonly budget: Budget
  /** Everything that runs, in the order of the text. */
  readonly found: Invocation[]
  /** Every function that the text defines. */
  readonly functions: KnownFunction[]
  /** Reads a script that the parser found inside a word. */
  script(script: ParsedScript, context: Context): Outcome
  /** Parses and reads a text that some command runs: of `sh -c`, a here-document, a decoded payload. */
  text(text: string, context: Context): Outcome
  /** Reads a text that may be a command; it is not one if it does not parse. */
  guess(text: string, context: Context): Outcome
  /** Reads a node of the tree: a stage of a pipeline, the body of a function. */
  node(node: SyntaxNode, context: Context): Outcome
  /** Reads what runs inside the words of a node that runs nothing itself. */
  words(node: SyntaxNode, context: Context): void
  /** Reads a command line that is already expanded: of `sudo`, `xargs`, `find -exec`. */
  run(fields: readonly Field[], shape: Shape, context: Context): Outcome
}

/** What a command has besides its words. */
export interface Shape {
  readonly redirects: readonly Redirect[]
  readonly part: string
}

/** The place of the walk in the text. */
export interface Context {
  readonly scope: Scope
  /** The text that positions refer to. */
  readonly source: string
  readonly pipeline: string
  readonly upstream: readonly Invocation[]
  readonly input: string | undefined
  readonly via: readonly string[]
  readonly background: boolean
  readonly piped: boolean
  /** False in branches and loops: a variable that is set there may also remain unset. */
  readonly certain: boolean
  readonly contained: boolean
  /** The functions whose bodies are being read. */
  readonly calls: readonly string[]
  readonly depth: number
}

export interface Outcome {
  readonly ran: readonly Invocation[]
  /** What it writes to its standard output, when that follows from the text. */
  readonly output: string | undefined
}

export const nothing: Outcome = { ran: [], output: '' }
