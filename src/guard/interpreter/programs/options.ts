import type { Field, Invocation } from './invocation.js'

/**
 * Options of a program, in any order, in clusters, in their long form or a beginning of it, as getopt_long takes
 * them. Names of one letter are short options, others long ones.
 */

/** Whether an option is given. */
export function has(invocation: Pick<Invocation, 'args'>, ...names: readonly string[]): boolean {
  return optionWords(invocation.args).some((word) => names.some((name) => matches(word, name)))
}

/** Short options in one word, the last of which may take the next word. */
const cluster = /^-[A-Za-z]{1,6}.$/

/** The values of an option: `-o value`, `-ovalue`, `--output value`, `--output=value`, and `-output value`. */
export function valuesOf(
  invocation: Pick<Invocation, 'args'>,
  ...names: readonly string[]
): readonly Field[] {
  const found: Field[] = []
  invocation.args.forEach((field, index) => {
    const { value } = field
    const next = invocation.args[index + 1]
    for (const name of names) {
      const long = `--${name}`
      if (name.length > 1) {
        if ((value === long || value === `-${name}`) && next) found.push(next)
        else if (value.startsWith(`${long}=`)) found.push({ ...field, value: value.slice(long.length + 1) })
      } else if (value === `-${name}` && next) found.push(next)
      else if (value.startsWith(`-${name}`) && value[1] !== '-')
        found.push({ ...field, value: value.slice(2) })
      else if (next && value.endsWith(name) && cluster.test(value)) found.push(next)
    }
  })
  return found
}

/** The words that are no options; `taking` names the options whose value is the next word. */
export function operands(
  invocation: Pick<Invocation, 'args'>,
  ...taking: readonly string[]
): readonly Field[] {
  const left: Field[] = []
  const { args } = invocation
  for (let at = 0; at < args.length; at++) {
    const field = args[at]
    if (!field) continue
    const { value } = field
    if (value === '--') {
      left.push(...args.slice(at + 1))
      break
    }
    if (!value.startsWith('-') || value === '-') {
      left.push(field)
      continue
    }
    if (takesNext(value, taking)) at++
  }
  return left
}

/** The first operand, for programs with subcommands: `git push`, `docker run`. */
export function verbs(invocation: Pick<Invocation, 'args'>, ...taking: readonly string[]): readonly string[] {
  return operands(invocation, ...taking).map((field) => field.value)
}

function takesNext(word: string, taking: readonly string[]): boolean {
  if (taking.length === 0) return false
  const name = word.replace(/^--?/, '')
  if (name.length > 1 && taking.includes(name)) return true
  return !word.startsWith('--') && /^-[A-Za-z]*.$/.test(word) && taking.includes(word.slice(-1))
}

function optionWords(args: readonly Field[]): readonly string[] {
  const end = args.findIndex((field) => field.value === '--')
  const before = end < 0 ? args : args.slice(0, end)
  return before.map((field) => field.value).filter((value) => value.length > 1 && value.startsWith('-'))
}

function matches(word: string, name: string): boolean {
  if (name.length === 1) return !word.startsWith('--') && word.includes(name, 1) && !word.includes('=')
  const given = word.split('=')[0] ?? word
  if (given === `--${name}` || given === `-${name}`) return true
  // A beginning of a long option is the option, as long as it is not too short to tell.
  return given.startsWith('--') && given.length >= 5 && `--${name}`.startsWith(given)
}
