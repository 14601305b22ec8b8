import type { Call } from '../call.js'
import { fileKey } from '../names.js'
import { type Field, HOLE } from './invocation.js'
import { has, operands, valuesOf } from './options.js'
import type { Outcome } from './session.js'

/** Programs that run a text as a shell does. */
export const shellNames = [
  'sh',
  'bash',
  'dash',
  'ash',
  'zsh',
  'ksh',
  'mksh',
  'rbash',
  'fish',
  'csh',
  'tcsh',
] as const

export const shells: Record<string, (call: Call) => Outcome | undefined> = {
  ...Object.fromEntries(shellNames.map((name) => [name, runShell])),
  sudo: runElevated,
  doas: runElevated,
  su: runLogin,
  runuser: runLogin,
  sg: (call) => runText(call, operands(call.invocation, 'c').at(-1)?.value),
  newgrp: () => undefined,
  script: (call) => runText(call, valuesOf(call.invocation, 'c', 'command')[0]?.value),
  crontab: runTable,
  at: runInput,
  batch: runInput,
  'nix-shell': (call) => runText(call, valuesOf(call.invocation, 'run', 'command')[0]?.value),
}

/** `sh -c text name args…`, `sh file`, `… | sh -s args…`. */
function runShell(call: Call): Outcome | undefined {
  const { invocation, context } = call
  const { args } = invocation
  if (invocation.program === 'fish') {
    // fish takes several lines, joined to their option or not, and some to run first.
    const lines = [
      ...valuesOf(invocation, 'c', 'C', 'command', 'init-command').map((field) => field.value),
      ...args.flatMap((field) => /^-[a-zA-Z]+?[cC](.*\s.*)$/s.exec(field.value)?.[1] ?? []),
    ]
    if (lines.length > 0) return runText(call, lines.join('\n'))
  }
  const first = args.findIndex((field) => /^[-+][a-zA-Z]*c[a-zA-Z]*$/.test(field.value))
  if (first >= 0) {
    // There may be more options between -c and its text.
    const words = args.slice(first + 1).filter((_, index, all) => !all.slice(0, index + 1).every(isOption))
    const [text, name, ...rest] = words
    return runText(call, text?.value, rest, name?.value)
  }
  const words = operands(invocation, 'O', 'o', 'rcfile', 'init-file')
  const [file, ...rest] = words
  const fromInput = !file || args.some((field) => /^-[a-z]*s[a-z]*$/.test(field.value)) || isInput(file.value)
  if (fromInput) {
    // The text is the input, so nothing of it is left for what it runs.
    const inside = { ...context, input: undefined, upstream: [] }
    return runText({ ...call, context: inside }, context.input, words)
  }
  const text = file.content ?? context.scope.file(fileKey(file.value))?.text
  return runText(call, text, rest, file.value)
}

function isOption(field: Field): boolean {
  return /^[-+][a-zA-Z]/.test(field.value) || field.value === '--'
}

function isInput(path: string): boolean {
  return path === '-' || path === '/dev/stdin' || path === '/dev/fd/0' || path === '/proc/self/fd/0'
}

/** Reads a text as a new shell would, with its own $0, $1, …; nothing where the text is not known. */
export function runText(
  call: Call,
  text: string | undefined,
  args: readonly Field[] = [],
  name?: string,
): Outcome | undefined {
  if (text === undefined) return undefined
  const scope = call.context.scope.child()
  scope.positional = args.map((field) => ({ text: field.value, sources: field.sources }))
  scope.name = name ?? 'sh'
  return call.session.text(text, { ...call.context, scope })
}

function runLogin(call: Call): Outcome | undefined {
  const text = valuesOf(call.invocation, 'c', 'command')[0]
  if (text) return runText(call, text.value)
  const { invocation, session, shape, context } = call
  if (invocation.program === 'runuser') {
    const command = operands(invocation, 'u', 'g', 'user', 'group')
    return command.length > 0 ? session.run(command, shape, context) : undefined
  }
  return runText(call, call.context.input)
}

/** `sudo -s` without a command is a shell that reads its input. */
function runElevated(call: Call): Outcome | undefined {
  return has(call.invocation, 's', 'i', 'shell', 'login') ? runText(call, call.context.input) : undefined
}

function runInput(call: Call): Outcome | undefined {
  return runText(call, call.context.input)
}

/** `crontab -`: each line is five fields of time, or one of @, then a command. */
function runTable(call: Call): Outcome | undefined {
  const table = call.context.input
  if (table === undefined) return undefined
  const lines = table.split('\n').map((line) => line.trim())
  const entries = lines.filter((line) => line !== HOLE && !line.startsWith('#') && !/^\w+\s*=/.test(line))
  const commands = entries.map((line) => line.replace(/^(?:@\w+|(?:\S+\s+){4}\S+)\s+/, ''))
  // A job that cron starts does not read the table.
  const context = { ...call.context, input: undefined, upstream: [] }
  return runText({ ...call, context }, commands.join('\n'))
}
