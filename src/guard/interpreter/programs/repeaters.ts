import type { Call } from '../call.js'
import { type Field, fieldOf, HOLE, type Invocation } from './invocation.js'
import { operands, valuesOf } from './options.js'
import type { Outcome } from './session.js'
import { runText } from './shells.js'
import { foundBy, outputsOf } from './upstream.js'

/** Programs that run a command line repeatedly, with arguments from elsewhere. */
export const repeaters: Record<string, (call: Call) => Outcome | undefined> = {
  xargs: runXargs,
  xe: runXargs,
  parallel: runParallel,
  find: runFind,
  watch: (call) => runText(call, joined(operandsOf(call.invocation.args, ['n', 'interval', 'q']))),
  entr: (call) => runWords(call, operandsOf(call.invocation.args, [])),
  flock: runFlock,
  hyperfine: (call) =>
    runText(
      call,
      operands(call.invocation, 'w', 'r', 'warmup', 'runs')
        .map((one) => one.value)
        .join('\n'),
    ),
  git: runGit,
}

function runXargs(call: Call): Outcome | undefined {
  const { args } = call.invocation
  const taking = [
    'n',
    'P',
    'L',
    's',
    'd',
    'a',
    'E',
    'I',
    'max-args',
    'max-procs',
    'delimiter',
    'arg-file',
    'process-slot-var',
  ]
  const command = operandsOf(args, taking)
  // What follows the command belongs to it: `xargs sed -i`.
  const own = args.slice(0, args.length - command.length)
  const mark =
    valuesOf({ args: own }, 'I')[0]?.value ??
    (own.some((one) => /^-i$|^--replace$/.test(one.value)) ? '{}' : undefined)
  if (command.length === 0) return undefined
  // With a placeholder, each line is one word.
  const arrived = arriving(call, mark === undefined ? undefined : /[\n\0]+/)
  const line = mark === undefined ? [...command, ...arrived] : filled(call, command, mark, arrived)
  return runWords(call, line)
}

function runParallel(call: Call): Outcome | undefined {
  const words = operandsOf(call.invocation.args, [
    'j',
    'jobs',
    'a',
    'arg-file',
    'S',
    'sshlogin',
    'n',
    'N',
    'd',
    'timeout',
    'results',
    'joblog',
    'tmpdir',
    'workdir',
    'retries',
  ])
  const cut = words.findIndex((word) => /^:::/.test(word.value))
  const command = cut < 0 ? words : words.slice(0, cut)
  const values = cut < 0 ? arriving(call) : words.slice(cut + 1)
  if (command.length === 0) return runText(call, values.map((word) => word.value).join('\n'))
  const marked = command.some((word) => word.value.includes('{'))
  const line = marked ? filled(call, command, '{}', values) : [...command, ...values]
  // parallel passes its line to a shell: one word may hold a whole command.
  return runText(call, joined(line))
}

/** `find … -exec command {} ;`, with what find passes on in place of `{}`. */
function runFind(call: Call): Outcome | undefined {
  const { args } = call.invocation
  const { budget } = call.session
  const ran: Invocation[] = []
  let found: readonly Field[] | undefined
  for (let at = 0; at < args.length; at++) {
    if (!/^-(?:exec|execdir|ok|okdir)$/.test(args[at]?.value ?? '')) continue
    const end = endOfExec(args, at + 1)
    // An action without an end takes all the words that are left, and so does the next: each is charged to the budget.
    if (!budget.take('handed', end - at)) break
    found ??= foundBy(call.invocation)
    const outcome = runWords(call, filled(call, args.slice(at + 1, end), '{}', found))
    for (const one of outcome.ran) ran.push(one)
    if (budget.spent) break
    // What comes before its end belongs to the command, even if it looks like another action.
    at = end
  }
  return ran.length > 0 || found ? { ran, output: undefined } : undefined
}

function endOfExec(args: readonly Field[], from: number): number {
  for (let at = from; at < args.length; at++) {
    const value = args[at]?.value
    if (value === ';' || value === '+') return at
  }
  return args.length
}

function runFlock(call: Call): Outcome | undefined {
  const text = valuesOf(call.invocation, 'c', 'command')[0]
  if (text) return runText(call, text.value)
  return runWords(call, operandsOf(call.invocation.args, ['w', 'E', 'timeout', 'wait']).slice(1))
}

/** Settings of git whose value is a command. */
const gitCommands =
  /^(?:core\.(?:pager|editor|sshCommand|fsmonitor|askPass)|sequence\.editor|pager\.\w+|diff\.external|credential\.helper|gpg\.program)=.*\s/i

/** `git bisect run`, `git submodule foreach`, and aliases given on the line. */
function runGit(call: Call): Outcome | undefined {
  const words = operands(call.invocation, 'C', 'c')
  const [verb, second] = words
  const alias = verb && aliasOf(call, verb.value)
  if (alias?.startsWith('!')) return runText(call, alias.slice(1))
  if (alias) {
    const rest = call.invocation.args.slice(call.invocation.args.indexOf(verb) + 1)
    return runWords(call, [...['git', ...alias.split(/\s+/)].map((word) => fieldOf(word)), ...rest])
  }
  const setting = valuesOf(call.invocation, 'c').find((one) => gitCommands.test(one.value))
  if (setting) return call.session.guess(setting.value.replace(/^[^=]*=/, ''), call.context)
  // An alias that is a line of shell is read too.
  const configured = verb?.value === 'config' ? words.find((one) => one.value.startsWith('!')) : undefined
  if (configured) return call.session.guess(configured.value.slice(1), call.context)
  if (verb?.value === 'bisect' && second?.value === 'run')
    return runWords(call, call.invocation.args.slice(call.invocation.args.indexOf(second) + 1))
  if (verb?.value === 'submodule' && second?.value === 'foreach') return runText(call, joined(words.slice(2)))
  const execs = valuesOf(call.invocation, 'exec', 'x')
  if (verb?.value === 'rebase' && execs[0]) return runText(call, execs.map((one) => one.value).join('\n'))
  return undefined
}

/** What a subcommand of git means, when the line or variables of the text define it. */
function aliasOf(call: Call, verb: string): string | undefined {
  const name = `alias.${verb}`
  for (const setting of valuesOf(call.invocation, 'c')) {
    if (setting.value.startsWith(`${name}=`)) return setting.value.slice(name.length + 1)
  }
  for (let at = 0; at < 8; at++) {
    const key = call.context.scope.variable(`GIT_CONFIG_KEY_${at}`)?.[0]?.text
    if (key === undefined) return undefined
    if (key === name) return call.context.scope.variable(`GIT_CONFIG_VALUE_${at}`)?.[0]?.text
  }
  return undefined
}

/** The words after the options, for programs whose options end at the first operand. */
export function operandsOf(args: readonly Field[], taking: readonly string[]): readonly Field[] {
  for (let at = 0; at < args.length; at++) {
    const value = args[at]?.value ?? ''
    if (value === '--') return args.slice(at + 1)
    if (!value.startsWith('-') || value === '-') return args.slice(at)
    const name = value.startsWith('--') ? value.slice(2) : value.slice(1)
    if (name.length > 1 === value.startsWith('--') && taking.includes(name)) at++
    // The last of a cluster may take the next word: `-0I {}`, `-dmS name`.
    else if (/^-[0-9A-Za-z]{2,6}$/.test(value) && taking.includes(value.slice(-1))) at++
  }
  return []
}

export function joined(words: readonly Field[]): string {
  return words.map((word) => word.value).join(' ')
}

function runWords(call: Call, line: readonly Field[]): Outcome {
  return call.session.run(line, call.shape, { ...call.context, input: undefined })
}

function arriving(call: Call, cut?: RegExp): readonly Field[] {
  const known = outputsOf(call.invocation, call.session.budget, cut)
  return known.length > 0 ? known : [{ ...fieldOf(HOLE), sources: call.invocation.upstream }]
}

/** The words of a command; a word with the placeholder is repeated for each value. */
function filled(
  { session: { budget } }: Call,
  command: readonly Field[],
  mark: string,
  values: readonly Field[],
): readonly Field[] {
  const length = values.reduce((sum, value) => sum + value.value.length, 0)
  return command.flatMap((word) => {
    const marks = word.value.split(mark).length - 1
    if (marks === 0) return [word]
    // Words times values and placeholders times characters: both are products of what the text holds.
    const affordable =
      budget.take('handed', values.length) &&
      budget.take('expanded', marks * length + word.value.length * values.length)
    if (!affordable) return [{ ...word, value: HOLE }]
    return values.map((value) => ({
      ...value,
      value: word.value.replaceAll(mark, () => value.value),
      sources: [...word.sources, ...value.sources],
    }))
  })
}
