import { interpreterNames } from '../../guard/interpreter/code.js'
import { entryOf, programName } from '../../guard/interpreter/names.js'
import { mayCarry } from '../../guard/interpreter/programs/carriers.js'
import { fieldOf, type Invocation } from '../../guard/interpreter/programs/invocation.js'
import { shellNames } from '../../guard/interpreter/programs/shells.js'
import { unwrapped } from '../../guard/interpreter/programs/unwrap.js'
import { wrappers } from '../../guard/interpreter/programs/wrappers.js'
import { type ArgvRule, testAt } from './argv.js'
import { wordsOf } from './reading.js'

/** What runs inside of a simple command, and what decides that: none of it may be left to the one who asks. */

/** The words of the command inside of a wrapper's: `sudo -u x ls` has `ls`. `none`: it is a wrapper, and names none. */
export function innerOf(
  words: readonly string[],
): { inner: string[]; before: string[] } | 'none' | undefined {
  const [name = '', ...args] = words
  const program = programName(name)
  const wrapper = entryOf(wrappers, program)
  if (!wrapper) return undefined
  const fields = unwrapped(
    program,
    args.map((word) => fieldOf(word)),
  )
  // `ip netns exec` runs a command, `ip addr` does not.
  if (!fields) return wrapper.verbs ? undefined : 'none'
  const inner = fields.map(({ value }) => value)
  const before = args.slice(0, args.length - inner.length)
  const isSuffix = inner.every((word, at) => word === args[before.length + at])
  // `env -S` splits a text.
  return isSuffix && inner.length > 0 ? { inner, before } : 'none'
}

/** Whether a program may run others by its words, so that what the guard finds in it is looked at. */
export function mayRunOthers(program: string): boolean {
  return Object.hasOwn(wrappers, program) || mayCarry(program) || runsText.has(program)
}

/** The text that a shell is given to run: of `sh -c text` and nothing more. */
export function shellText([name = '', option, text, ...more]: readonly string[]): string | undefined {
  const isShell = shells.has(programName(name)) && option === '-c' && more.length === 0
  return isShell ? text : undefined
}

/** Commands of the shell that change what later words mean, or that run a text. */
const changing = new Set(
  'alias unalias export readonly declare typeset local set unset shift read mapfile readarray getopts hash enable shopt trap eval let'.split(
    ' ',
  ),
)

export function changesTheShell(words: readonly string[]): boolean {
  return changing.has(words[0] ?? '')
}

const shells: ReadonlySet<string> = new Set(shellNames)
const runsText = new Set(['eval', 'trap', 'source', '.', 'alias'])
/** Programs whose first words are their program. They run nothing of what they read. */
const codeFirst = /^(?:sed|[gmn]?awk)$/
const interpreters: ReadonlySet<string> = new Set([...shellNames, ...interpreterNames, 'source', '.', 'sed'])
/** Programs that run what they read where no word names it. */
const readers: ReadonlySet<string> = new Set([
  ...interpreters,
  ...'ssh rsh mosh su runuser sg newgrp at batch crontab script parallel screen tmux nix-shell vagrant machinectl'.split(
    ' ',
  ),
])

/**
 * Why an interpreter may run what the author of a rule did not choose. Its options, and as many words after them as may
 * be a script, a program's text or the value of an option, have to be fixed by the rule; the words behind those are free.
 */
export function scriptFault(words: readonly string[], rule: ArgvRule): string | undefined {
  const program = programName(words[0] ?? '')
  if (!interpreters.has(program)) return undefined
  const codes = codeFirst.test(program)
  let left = 1 + words.filter((word, at) => at > 0 && word.startsWith('-')).length
  let operands = 0
  for (const [at, word] of words.entries()) {
    if (at === 0) continue
    const isOption = word.startsWith('-')
    const kind = testAt(rule, at)?.kind
    // A path may be a script, and no text of sed or awk.
    const isFixed = kind === 'literal' || (kind !== 'glob' && !(codes && operands === 0))
    if ((isOption || left > 0) && !isFixed) return word
    if (isOption) continue
    left -= 1
    operands += 1
  }
  return operands === 0 ? (words[0] ?? '') : undefined
}

/** Whether a program needs a command in its words, since it would run what it reads; for interpreters see `scriptFault`. */
export function isReader(words: readonly string[]): boolean {
  const program = programName(words[0] ?? '')
  return readers.has(program) && !interpreters.has(program)
}

/** Whether something runs what it reads from a pipe or from a file, which no rule can know. */
export function runsItsInput({ program, args, upstream, redirects }: Invocation): boolean {
  if (!readers.has(program) || codeFirst.test(program) || args.some(({ value }) => !value.startsWith('-')))
    return false
  return upstream.length > 0 || redirects.some(({ operator }) => operator.startsWith('<'))
}

/** Words that no shell takes apart or expands, however often it reads them. */
const PLAIN = /^[\w@%+:,./= -]*$/
const ASSIGNS = /(?:^| )[A-Za-z_]\w*\+?=/

/** Whether a word stays what it is where a program passes it to a shell. */
export function isPlain(word: string): boolean {
  return PLAIN.test(word) && !ASSIGNS.test(word)
}

/** Whether what runs is spelled in the words of the command around it: word by word, or as one of them. */
export function isSpelled(run: Invocation, words: readonly string[]): boolean {
  if (run.redirects.length > 0 || run.background) return false
  const inner = wordsOf(run)
  if (words.includes(inner.join(' '))) return true
  return words.some((_, from) => inner.every((word, at) => word === words[from + at]))
}
