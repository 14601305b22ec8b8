import { entryOf } from '../interpreter/names.js'
import type { Invocation } from '../interpreter/programs/invocation.js'
import type { Rule } from './rule.js'

/**
 * What a line of a program does, recognised by its words: rows of a table, for the many programs that have a verb for it,
 * so that no function has to work it out.
 */
export interface Deed {
  /** Names of programs, separated by blanks. */
  readonly programs: string
  /** Matches the words after the name, joined by blanks. */
  readonly words: RegExp
  /** The row does not apply when this matches too. */
  readonly unless?: RegExp
}

/** What is beyond so many characters is data, not a verb. */
const longest = 2_000

/** Options with which a client only shows what it would do. */
const asksOnly = /(?:^| )(?:--(?:help|version|dry-?run|generate-cli-skeleton|simulate|whatif)(?:[= ]|$)|-h$)/i

/** The part of a rule that looks up such a table. */
export function byDeeds(deeds: readonly Deed[]): Pick<Rule, 'programs' | 'finds'> {
  const table: Record<string, Deed[]> = {}
  for (const deed of deeds) {
    for (const name of deed.programs.split(' ')) table[name] = [...(entryOf(table, name) ?? []), deed]
  }
  return {
    programs: Object.keys(table),
    finds: (run) => {
      const words = wordsOf(run)
      if (asksOnly.test(words)) return undefined
      const found = entryOf(table, run.program)?.some(
        (deed) => deed.words.test(words) && !deed.unless?.test(words),
      )
      return found ? brief(run, words) : undefined
    },
  }
}

function brief(run: Invocation, words: string): string {
  return `${run.program} ${words}`.slice(0, 80)
}

export function wordsOf(run: Pick<Invocation, 'args'>): string {
  let text = ''
  for (const field of run.args) {
    if (text.length > longest) break
    text += text === '' ? field.value : ` ${field.value}`
  }
  return text.slice(0, longest)
}
