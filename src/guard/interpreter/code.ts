import type { Call } from './call.js'
import { unescaped } from './expansion/escapes.js'
import { entryOf } from './names.js'
import { CUT, type Invocation } from './programs/invocation.js'
import { operands, valuesOf } from './programs/options.js'
import type { Outcome } from './programs/session.js'

/** Interpreters of other languages, with the option that takes a program's text. */
const codeOptions: Record<string, readonly string[]> = {
  python: ['c'],
  pypy: ['c'],
  perl: ['e', 'E'],
  ruby: ['e'],
  node: ['e', 'p', 'eval', 'print'],
  nodejs: ['e', 'p', 'eval', 'print'],
  bun: ['e', 'eval'],
  php: ['r'],
  lua: ['e'],
  osascript: ['e'],
  tclsh: [],
  groovy: ['e'],
  expect: ['c'],
  vim: ['c', 'cmd'],
  vi: ['c'],
  ex: ['c', 'cmd'],
  nvim: ['c', 'cmd'],
  emacs: ['eval', 'execute'],
  R: ['e'],
  Rscript: ['e'],
  octave: ['eval'],
  'octave-cli': ['eval'],
  julia: ['e', 'eval'],
  pwsh: ['c', 'Command', 'command'],
  powershell: ['c', 'Command', 'command'],
  deno: ['eval'],
  awk: [],
  gawk: [],
  mawk: [],
  nawk: [],
}

/** Longer code is a program, not a command; its beginning is enough to see what it does. */
const longest = 20_000

export const interpreterNames = Object.keys(codeOptions)

export const codeCarriers: Record<string, (call: Call) => Outcome | undefined> = {
  ...Object.fromEntries(interpreterNames.map((name) => [name, runCode])),
  make: runMake,
  gmake: runMake,
  gdb: runDebugger,
  sed: runSed,
  zip: (call) => runValue(call, 'TT', 'unzip-command'),
  tar: runTar,
}

/** The text in another language that an interpreter runs, when the command contains it; '' otherwise. */
export function codeOf(invocation: Invocation): string {
  return wholeCode(invocation).slice(0, longest)
}

function wholeCode(invocation: Invocation): string {
  const names = entryOf(codeOptions, invocation.program)
  if (!names) return ''
  if (/awk$/.test(invocation.program)) return operands(invocation, 'F', 'v', 'f')[0]?.value ?? ''
  // A subcommand takes the text: `deno eval text`.
  if (invocation.program === 'deno')
    return invocation.args[0]?.value === 'eval' ? (operands(invocation)[1]?.value ?? '') : ''
  const given = valuesOf(invocation, ...names).map((field) => field.value)
  if (given.length > 0) return given.join('\n')
  const fromInput = operands(invocation).every((field) => field.value === '-')
  return (fromInput && invocation.input) || ''
}

/**
 * Finds shell commands that code in another language passes to a shell, such as `os.system("…")`. Not a parse of that
 * language: the quoted texts of code that has a word for running commands are read as commands.
 */
function runCode(call: Call): Outcome | undefined {
  const code = codeOf(call.invocation)
  if (code === '') return undefined
  const whole = wholeCode(call.invocation)
  if (whole.length > longest || whole.includes(CUT)) call.session.budget.leaveOut()
  if (!/system|exec|popen|spawn|subprocess|shell|passthru|getline|\||:!|^!|`|qx|Remove-Item/i.test(code))
    return undefined
  // 'r' + 'm' is one string.
  const texts = quotedTexts(code.replace(/(['"])\s*[+.]\s*\1/g, ''))
  const command = /^:?!(.+)$/s.exec(code)
  if (command?.[1]) texts.push(command[1])
  const list =
    /(?:run|call|Popen|spawn|execvp?|check_\w+|execFile\w*)\s*\(\s*(?:["'][^"']*["']\s*,\s*)?\[([^\]]*)\]/.exec(
      code,
    )
  // PowerShell has a syntax of its own; reading its text as a command is as good as any other reading.
  if (/^(?:pwsh|powershell)$/.test(call.invocation.program)) texts.push(code)
  for (const line of code.matchAll(/(?:^|[;\n])\s*exec\s+([^\n;"']+)/g)) if (line[1]) texts.push(line[1])
  if (list) texts.push(quotedTexts(code.slice(list.index)).join(' '))
  for (const words of code.matchAll(/\bqw\s*(?:\(([^)]*)\)|\{([^}]*)\}|\/([^/]*)\/)/g))
    texts.push(words[1] ?? words[2] ?? words[3] ?? '')
  // `spawn` of expect takes its words without quotes.
  for (const line of code.matchAll(/^\s*spawn\s+([^\n;]+)/gm)) if (line[1]) texts.push(line[1])
  // `system("rm", "-rf", "/")` passes the words one by one.
  if (/(?:system|exec\w*)\s*\(?\s*["'][^"']*["']\s*,/.test(code)) texts.push(texts.join(' '))
  const outcomes = texts.slice(0, 64).map((text) => call.session.guess(text, call.context))
  return { ran: outcomes.flatMap((outcome) => outcome.ran), output: undefined }
}

function quotedTexts(code: string): string[] {
  const found = code.matchAll(/"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`/gs)
  return [...found]
    .map((match) => unescaped(match[1] ?? match[2] ?? match[3] ?? ''))
    .filter((text) => text.trim() !== '')
}

/** `make -f -`: the recipes of a makefile given as input. */
function runMake(call: Call): Outcome | undefined {
  const given = valuesOf(call.invocation, 'eval', 'E').map((field) => field.value)
  const files = valuesOf(call.invocation, 'f', 'file', 'makefile').map((field) => field.content ?? '')
  const lines = [call.invocation.input ?? '', ...given, ...files].join('\n').split('\n')
  // `target: ; line` has its first line behind the target.
  const recipes = lines.flatMap((line) => {
    if (line.startsWith('\t')) return [line]
    const glued = /^[\w.-]+\s*:[^;]*;(.+)$/.exec(line)?.[1]
    return glued === undefined ? [] : [glued]
  })
  if (recipes.length === 0) return undefined
  return call.session.guess(recipes.map((line) => line.replace(/^\t[@+-]*/, '')).join('\n'), call.context)
}

/** The `e` command of GNU sed runs a line. */
function runSed(call: Call): Outcome | undefined {
  const found = call.invocation.args.map(
    (field) =>
      /^(?:\d+|\$|\/[^/]{0,64}\/)?\s?e\s+(.+)$/s.exec(field.value)?.[1] ??
      // With the flag e, the replacement is run.
      /^(?:\d+|\$)?s\/(?:[^/\\]|\\.){0,256}\/((?:[^/\\]|\\.){0,512})\/[gp\d]*e/s
        .exec(field.value)?.[1]
        ?.replaceAll('\\/', '/'),
  )
  const text = found.find((one) => one !== undefined)
  return text === undefined ? undefined : { ...call.session.guess(text, call.context), output: undefined }
}

/** gdb runs a line with `!` or `shell`. */
function runDebugger(call: Call): Outcome | undefined {
  const lines = valuesOf(call.invocation, 'ex', 'eval-command', 'iex').flatMap(
    (field) => /^\s*(?:!|shell\s)(.+)$/s.exec(field.value)?.[1] ?? [],
  )
  return lines.length > 0 ? call.session.guess(lines.join('\n'), call.context) : undefined
}

function runValue(call: Call, ...options: readonly string[]): Outcome | undefined {
  const [value] = valuesOf(call.invocation, ...options)
  return value && call.session.guess(value.value, call.context)
}

/** tar runs a line at its checkpoints, and pipes files through one. */
function runTar(call: Call): Outcome | undefined {
  const texts = [
    ...valuesOf(
      call.invocation,
      'checkpoint-action',
      'to-command',
      'use-compress-program',
      'I',
      'rsh-command',
      'info-script',
    ),
  ]
  if (texts.length === 0) return undefined
  return call.session.guess(texts.map((field) => field.value.replace(/^exec=/, '')).join('\n'), call.context)
}
