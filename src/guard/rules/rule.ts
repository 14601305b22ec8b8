import type { Field, Invocation } from '../interpreter/programs/invocation.js'

export type Severity = 'high' | 'medium'

/** One thing to look for. Its examples are its tests: it must object to each line of `caught`, and to none of `passed`. */
export interface Rule {
  /** `family/name`, stable: people and settings refer to it. */
  readonly id: string
  readonly title: string
  readonly severity: Severity
  /** The programs it looks at; `x.*` matches names that begin with `x.`, `*` matches every run, bare redirections too. */
  readonly programs: readonly string[]
  /** What it objects to in this run: a word, a text for people, true for the command as a whole, or nothing. */
  readonly finds: (run: Invocation) => Field | string | boolean | undefined
  /** Continues the sentence after the part of the command: "`rm -rf /` " + "deletes …". */
  readonly risk: string | ((what: string) => string)
  /** What that leads to, as a sentence of its own, where the first does not say it. */
  readonly consequence?: string
  /** A safer line, or several, where there are any. */
  readonly safer?: string | ((run: Invocation) => string | readonly string[] | undefined)
  readonly caught: readonly string[]
  readonly passed: readonly string[]
}
