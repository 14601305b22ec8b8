import type { Function as FunctionNode } from 'unbash'
import { maxAlternatives } from './budget.js'
import type { Invocation } from './programs/invocation.js'

/** What a variable may hold: its text, and the commands whose output is in it. */
export interface Value {
  readonly text: string
  readonly sources: readonly Invocation[]
  /** One of the names that match this pattern: of a loop over `/*`, or a line of `ls`. */
  readonly glob?: boolean
}

/** What is known of a file that the text itself writes. */
export interface WrittenFile {
  readonly text: string | undefined
  readonly sources: readonly Invocation[]
  /** The program that it is a copy of, or a link to. */
  readonly program?: string | undefined
}

export interface KnownFunction {
  readonly node: FunctionNode
  /** The text that the node's positions refer to. */
  readonly source: string
  called: boolean
}

/**
 * What one shell knows at a point of the text. A subshell gets a child: it sees its parent's names, and its own
 * changes stay with it.
 */
export interface Scope {
  variable(name: string): readonly Value[] | undefined
  /** Sets a variable; when it is not certain that it is set, it keeps its earlier values beside the new ones. */
  assign(name: string, values: readonly Value[], certain: boolean): void
  alias(name: string): string | undefined
  setAlias(name: string, text: string): void
  fn(name: string): KnownFunction | undefined
  setFunction(name: string, known: KnownFunction): void
  file(path: string): WrittenFile | undefined
  setFile(path: string, file: WrittenFile): void
  /** Whether the text has written any file so far. */
  hasFiles(): boolean
  /** The folders in which the shell may be; undefined represents an unknown folder. */
  folders: readonly (string | undefined)[]
  /** $1, $2, …; `name` is $0. */
  positional: readonly Value[]
  name: string
  child(): Scope
}

export function createScope(parent?: Scope): Scope {
  const variables = new Map<string, readonly Value[]>()
  const aliases = new Map<string, string>()
  const functions = new Map<string, KnownFunction>()
  // Files do not belong to one shell: what a subshell writes, its parent finds. So they are kept at the root.
  const files = parent ? undefined : new Map<string, WrittenFile>()
  const scope: Scope = {
    variable: (name) => variables.get(name) ?? parent?.variable(name),
    assign(name, values, certain) {
      const before = certain ? [] : (scope.variable(name) ?? [])
      const seen = new Map([...before, ...values].map((value) => [value.text, value]))
      variables.set(name, [...seen.values()].slice(0, maxAlternatives))
    },
    alias: (name) => aliases.get(name) ?? parent?.alias(name),
    setAlias: (name, text) => void aliases.set(name, text),
    fn: (name) => functions.get(name) ?? parent?.fn(name),
    setFunction: (name, known) => void functions.set(name, known),
    file: (path) => (files ? files.get(path) : parent?.file(path)),
    setFile(path, file) {
      if (files) files.set(path, file)
      else parent?.setFile(path, file)
    },
    hasFiles: () => (files ? files.size > 0 : parent?.hasFiles() === true),
    folders: parent ? parent.folders : [undefined],
    positional: parent ? parent.positional : [],
    name: parent ? parent.name : 'sh',
    child: () => createScope(scope),
  }
  return scope
}
