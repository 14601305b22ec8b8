import type { Validation } from '../shared/analysis/analysis.js'
import { findingsOf } from './findings.js'
import { type Bounds, quickBounds } from './interpreter/budget.js'
import { CUT } from './interpreter/programs/invocation.js'
import { mayLoadCode } from './interpreter/programs/loaders.js'
import { readCommand } from './interpreter/walk.js'
import { foldOpinion, isUnread, readTo, verdictOf } from './verdict.js'

/** A command, and the parts of its request that change what it does. */
export interface Run {
  command: string
  cwd?: string | undefined
  env?: Record<string, string> | undefined
  stdin?: string | undefined
  /** Whether more comes on the standard input while it runs. */
  open_stdin?: boolean | undefined
}

/**
 * The verdict on a command about to run: on its text alone, and on the same text in its context. `sh` does what its
 * standard input says, and what `rm -rf *` deletes depends on its folder. Never throws.
 */
export function judge(run: Run): Validation {
  return judgeWithin(run) ?? verdictOf([], false)
}

/** The same when little work is enough for it; undefined when it is not. */
export function judgeQuickly(run: Run): Validation | undefined {
  return judgeWithin(run, quickBounds)
}

function judgeWithin(run: Run, bounds?: Bounds): Validation | undefined {
  const alone = withLoaders(judgeText(run.command, bounds), run.env)
  const known = alone && andThere(alone, run, bounds)
  return known && run.open_stdin ? andLater(known, run, bounds) : known
}

/** The verdict on the text, and on what it does in its context. */
function andThere(alone: Validation, run: Run, bounds: Bounds | undefined): Validation | undefined {
  const text = withCircumstances(run)
  if (text === run.command) return alone
  const there = judgeText(text, bounds)
  return there && stricter(alone, there)
}

/**
 * What comes on an open standard input can be anything, and a program that runs it runs that. It is judged apart from what
 * has come, so that no text of that can hide it.
 */
function andLater(known: Validation, run: Run, bounds: Bounds | undefined): Validation | undefined {
  const later = judgeText(withCircumstances({ ...run, stdin: CUT }), bounds)
  if (!later || !isUnread(later)) return later && known
  const without = judgeText(withCircumstances({ ...run, stdin: undefined }), bounds)
  return without && stricter(known, isUnread(without) ? later : readTo(later, openInput))
}

const openInput =
  'A program of this command runs what it will read: an open standard input cannot be judged before it comes.'

/** What runs there as a program and cannot be read to its end is never low; a high risk stays high. */
function stricter(verdict: Validation, there: Validation): Validation {
  const folded = foldOpinion(verdict, there)
  if (there.risk_level !== 'unknown' || folded.risk_level === 'high') return folded
  return { ...folded, safe: false, risk_level: 'unknown' }
}

/** The name alone of a variable that decides what code runs is a risk: its value refers to files that the text does not show. */
function withLoaders(
  verdict: Validation | undefined,
  env: Record<string, string> | undefined,
): Validation | undefined {
  if (!verdict || !env) return verdict
  const names = Object.keys(env).filter(mayLoadCode).slice(0, 20)
  if (names.length === 0) return verdict
  const risks = names.map((name) => `The variable ${name} decides what code programs load or run.`)
  return foldOpinion(verdict, { safe: false, risk_level: 'medium', risks, suggestions: [] })
}

/** Undefined when bounds were given and were not enough. */
function judgeText(text: string, bounds?: Bounds): Validation | undefined {
  try {
    const { invocations, complete, spent } = readCommand(text, bounds)
    if (bounds && spent) return undefined
    return verdictOf(findingsOf(invocations), complete)
  } catch {
    return verdictOf([], false)
  }
}

/** The command as shell text that sets its folder, its variables and its standard input too. */
function withCircumstances({ command, cwd, env, stdin }: Run): string {
  const input = stdin === undefined ? undefined : beginningOf(stdin)
  const folder = cwd === undefined ? [] : [`cd ${quote(cwd)}`]
  const fed = input === undefined ? command : `{ ${command}\n} <<'${END}'\n${input}\n${END}`
  return [...exportsFor(fed, env ?? {}), ...folder, fed].join('\n')
}

/** Only variables that the text names, as many as fit: the others cannot change what can be read from it. */
function exportsFor(text: string, env: Record<string, string>): string[] {
  const lines: string[] = []
  let left = mostEnvironment
  for (const [name, value] of Object.entries(env)) {
    if (value.length > left || !text.includes(name)) continue
    const line = `export ${name}=${quote(value)}`
    left -= line.length
    lines.push(line)
  }
  return lines
}

/** Whole lines of it, as many as the bounds of the guard allow, and a mark where it was cut. */
function beginningOf(stdin: string): string {
  if (stdin.length <= mostInput) return stdin
  const end = stdin.lastIndexOf('\n', mostInput)
  return stdin.slice(0, end < 0 ? mostInput : end) + CUT
}

/** How many characters of the standard input and of the variables are read. */
export const mostInput = 32 * 1024
const mostEnvironment = 16 * 1024

const END = 'OGENT_STANDARD_INPUT'

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
